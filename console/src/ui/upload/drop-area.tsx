import { Button, Text } from '@mantine/core';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

/** Takes files that are dropped, or chosen by a button. */
export function DropArea({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    // Beside the area, a browser would leave the page and open the file.
    const stay = (event: Event) => event.preventDefault();
    for (const type of ['dragover', 'drop']) window.addEventListener(type, stay);
    return () => {
      for (const type of ['dragover', 'drop']) window.removeEventListener(type, stay);
    };
  }, []);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    if (event.dataTransfer.files.length > 0) onFiles([...event.dataTransfer.files]);
  };
  return (
    <section
      aria-label={t('upload.drop')}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
      style={{
        border: `2px dashed ${isOver ? 'var(--mantine-color-anchor)' : 'var(--mantine-color-default-border)'}`,
        borderRadius: 12,
        padding: 24,
        textAlign: 'center',
      }}
    >
      <Text mb="sm">{t('upload.drop')}</Text>
      <Button variant="default" onClick={() => input.current?.click()}>
        {t('upload.choose')}
      </Button>
      <input
        ref={input}
        type="file"
        accept=".csv,.gz,.xlsx,.xlsm,.txt"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          const chosen = [...(currentTarget.files ?? [])];
          if (chosen.length > 0) onFiles(chosen);
          currentTarget.value = '';
        }}
      />
    </section>
  );
}
