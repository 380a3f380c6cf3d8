/** What every name beyond the bound is called. */
export const OTHER = 'other';

/**
 * Lets so many different names be labels, the first that come, and calls the others `other`: a metric with a
 * label that grows without end takes the memory of this process and of whoever collects it.
 */
export function boundedNames(most: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= most) return OTHER;
    known.add(name);
    return name;
  };
}
