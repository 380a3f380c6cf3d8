import type { UploadedFile } from '@gen/smartid/integrations/v1/file_pb.js';
import { useRef, useState } from 'react';
import { uploadFile } from '../../api/upload-file.js';

/** A file that somebody chose, and how the service understands it. */
export interface ChosenFile {
  key: number;
  file: File;
  /** What it holds; empty: its name says so. */
  list: string;
  /** Neither this nor an error: it is being looked at. */
  understood?: UploadedFile;
  error?: unknown;
}

/**
 * The files that were chosen for an integration. Each is looked at, and none is kept before all are right: half of what
 * belongs together is worse than none.
 */
export function useChosenFiles(id: string, onKept?: () => void) {
  const [files, setFiles] = useState<readonly ChosenFile[]>([]);
  const [keeping, setKeeping] = useState<{ isPending?: boolean; error?: unknown; kept?: UploadedFile[] }>({});
  const count = useRef(0);

  const look = (file: File, list: string): ChosenFile => {
    count.current += 1;
    const key = count.current;
    const told = (found: Partial<ChosenFile>) =>
      setFiles((now) => now.map((one) => (one.key === key ? { ...one, ...found } : one)));
    uploadFile({ id, file, list, validateOnly: true }).then(
      (understood) => told({ understood }),
      (error: unknown) => told({ error }),
    );
    return { key, file, list };
  };

  const choose = (chosen: readonly File[]) => {
    const begun = chosen.map((file) => look(file, ''));
    const names = new Set(chosen.map(({ name }) => name));
    // Of a file that was corrected meanwhile, the newer one; after a keeping, a new set begins.
    setFiles((now) => [...(keeping.kept ? [] : now.filter(({ file }) => !names.has(file.name))), ...begun]);
    setKeeping({});
  };

  const relook = (of: ChosenFile, list: string) => {
    const begun = look(of.file, list);
    setFiles((now) => now.map((one) => (one.key === of.key ? begun : one)));
    setKeeping({});
  };

  const remove = ({ key }: ChosenFile) => {
    setFiles((now) => now.filter((one) => one.key !== key));
    setKeeping({});
  };

  const keep = async () => {
    setKeeping({ isPending: true });
    const kept: UploadedFile[] = [];
    try {
      for (const { file, list } of files)
        kept.push(await uploadFile({ id, file, list, validateOnly: false }));
      setKeeping({ kept });
      onKept?.();
    } catch (error) {
      setKeeping({ error });
    }
  };

  const lists = files.flatMap(({ understood }) => understood?.lists.map(({ list }) => list) ?? []);
  return {
    files,
    keeping,
    /** Whether two would take the place of one another. */
    hasTwoOfAList: new Set(lists).size < lists.length,
    areUnderstood: files.length > 0 && files.every(({ understood }) => understood !== undefined),
    choose,
    relook,
    remove,
    keep,
  };
}
