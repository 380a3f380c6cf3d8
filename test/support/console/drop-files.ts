import type { Page } from 'playwright-core';

/** Drops files on what has this name, as from a folder of the desktop. */
export async function dropFiles(
  page: Page,
  name: string,
  files: Readonly<Record<string, Buffer | string>>,
): Promise<void> {
  const given = Object.entries(files).map(([called, content]) => [
    called,
    Buffer.from(content).toString('base64'),
  ]);
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    for (const [name, content] of ${JSON.stringify(given)})
      transfer.items.add(new File([Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0))], name));
    return transfer;
  })()`);
  const area = page.getByRole('region', { name, exact: true });
  for (const type of ['dragenter', 'dragover', 'drop']) await area.dispatchEvent(type, { dataTransfer });
}
