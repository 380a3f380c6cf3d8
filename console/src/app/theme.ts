import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const brand: MantineColorsTuple = [
  '#eef1ff',
  '#dbe1fb',
  '#b4c0f3',
  '#8b9cec',
  '#687de6',
  '#5269e2',
  '#465ee1',
  '#3b4cca',
  '#2f42b0',
  '#233898',
];

/** Greys with a little of the brand, which also lie under texts in the dark. */
const dark: MantineColorsTuple = [
  '#d8dce6',
  '#aab2c2',
  '#8b93a6',
  '#626a7d',
  '#3b4254',
  '#2d3342',
  '#232835',
  '#1a1d27',
  '#151821',
  '#12141b',
];

export const theme = createTheme({
  colors: { brand, dark },
  primaryColor: 'brand',
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.625rem' }, h2: { fontSize: '1.125rem' } } },
  components: {
    Alert: { styles: { title: { color: 'inherit' }, root: { color: 'var(--mantine-color-text)' } } },
    Card: { defaultProps: { withBorder: true, padding: 'lg', radius: 'lg' } },
    Anchor: { defaultProps: { underline: 'hover' } },
    Table: { defaultProps: { verticalSpacing: 'sm', horizontalSpacing: 'md' } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
  },
});

/** Texts that step back still have a contrast of 4.5 to 1. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#566072',
    '--mantine-color-placeholder': '#68707f',
    '--mantine-color-body': '#f6f7fb',
    '--console-surface': '#ffffff',
    '--mantine-color-anchor': '#3b4cca',
    '--mantine-color-error': '#c22525',
  },
  dark: {
    '--mantine-color-dimmed': '#a9b1c0',
    '--mantine-color-placeholder': '#8f97a8',
    '--mantine-color-body': '#12141b',
    '--console-surface': '#1a1d27',
    '--mantine-color-anchor': '#a3b1f7',
    '--mantine-color-error': '#ff9b9b',
  },
});
