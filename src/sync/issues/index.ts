export { exportIssues, type IssueExport } from './export-issues.js';
export { IssueLog } from './issue-log.js';
export { listIssues } from './list-issues.js';
