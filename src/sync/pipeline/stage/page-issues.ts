import type { RecordPage } from '../../../connectors/index.js';
import type { IssueLog } from '../../issues/index.js';

/**
 * Issues that the connector found itself. Its errors are rows that it read and could not use; returns how
 * many.
 */
export async function addPageIssues(
  page: RecordPage<unknown>,
  issues: IssueLog,
  counts: { read: number },
): Promise<number> {
  let failed = 0;
  for (const issue of page.issues ?? []) {
    await issues.add({ file: page.file, ...issue });
    if (issue.severity === 'error') failed += 1;
  }
  counts.read += failed;
  return failed;
}
