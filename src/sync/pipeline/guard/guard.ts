import type { GuardOverride, SyncPolicy } from '../../policy.js';
import type { Evidence } from '../../runs/evidence.js';

/** What a plan would do to those who are there, of one entity type. */
export interface Impact {
  /** How many are mapped and were not missing before, and those of the roster whom the plan links. */
  base: number;
  /** How many of them are active; all of them where nobody leaves or comes back. */
  active: number;
  /** How many of the active ones would begin to be missing, or be deactivated. */
  leaving: number;
  /** How many would be active again, or no longer missing. */
  returning: number;
  /** How many would change, those included, and how many of these were missing before. */
  changed: number;
  wereMissing: number;
  /** How many of those who change would have another name or national id. */
  renamed: number;
  /** Active people who are in active groups by this source, and how many of them would be in none. */
  members: number;
  membersLeaving: number;
  /** Memberships that this source brought, and how many of them would end. */
  memberships: number;
  membershipsEnding: number;
  /** Those of them whose group and person are active, and how many of these would end. */
  currentMemberships: number;
  currentMembershipsEnding: number;
  /** Of groups: people who are in those of this source, and how many would be in no group that is active. */
  grouped: number;
  ungrouped: number;
}

/** How many of those who are known, since the first of some runs began; null where none did. */
interface Sum {
  count: number;
  of: number;
  since: Date | null;
}

/**
 * What this plan and earlier runs come to since the baseline: the last approved plan, or the start of the window if
 * that is later. Nothing where that is surely within what the policy allows.
 */
export interface Baseline {
  /** How many would have left and not come back, of the most people known before one of those runs. */
  gone: Sum;
  /** How many would have another name or national id than before, of all that are mapped. */
  renamed: Sum;
}

/** Why a person must look at the plan first, in a sentence; undefined when it may go on. */
export function judge(
  impact: Impact,
  {
    evidence,
    policy,
    override,
    noun,
    partial,
    baseline,
    renumbered = 0,
  }: {
    evidence: Evidence;
    policy: SyncPolicy;
    override: GuardOverride | null;
    noun: string;
    /** Whether the source speaks of some alone: then having no rows says nothing. */
    partial: boolean;
    baseline: Baseline;
    /** How many of those who would leave have a row under another id. */
    renumbered?: number;
  },
): string | undefined {
  const {
    base,
    active,
    leaving,
    changed,
    wereMissing,
    members,
    membersLeaving,
    memberships,
    membershipsEnding,
    currentMemberships,
    currentMembershipsEnding,
    grouped,
    ungrouped,
  } = impact;
  const { floor } = policy.guard;
  const deactivated = override?.deactivatedPercent ?? policy.guard.deactivatedPercent;
  const changedMost = override?.changedPercent ?? policy.guard.changedPercent;
  // Of a first reading there is nothing to take a share of.
  const isOver = (count: number, of: number, percent: number) =>
    of > 0 && count >= Math.max(1, floor) && count * 100 > of * percent;
  const share = (count: number, of: number) => `${count} of ${of} (${Math.floor((count * 100) / of)} %)`;
  const approval =
    renumbered === 0
      ? 'Approve the plan if that is right; nothing was changed.'
      : `${renumbered} of these ${leaving} look like new rows of the source: the same person under another id. If the school changed its ids, approve the plan as a re-key, and they stay who they are; nothing was changed.`;
  // Zero rows are never let through by a threshold: only by the person who looks at the plan.
  if (!partial && base > 0 && evidence.rows === 0) {
    return `Held: not one ${noun} was read, where ${base} are known. Look whether the source is empty or broken; nothing was changed.`;
  }
  if (isOver(leaving, active, deactivated)) {
    return `Held: ${share(leaving, active)} ${noun}s would go, more than ${deactivated} %. ${approval}`;
  }
  const { gone, renamed } = baseline;
  if (gone.since && isOver(gone.count, gone.of, deactivated)) {
    return `Held: ${share(gone.count, gone.of)} ${noun}s would have gone since ${day(gone.since)}, more than ${deactivated} %. ${approval}`;
  }
  if (isOver(changed, base + wereMissing, changedMost)) {
    return `Held: ${share(changed, base + wereMissing)} ${noun}s would change, more than ${changedMost} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (renamed.since && isOver(renamed.count, renamed.of, changedMost)) {
    return `Held: ${share(renamed.count, renamed.of)} ${noun}s would have another name or national id than before ${day(renamed.since)}, more than ${changedMost} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (isOver(membersLeaving, members, deactivated)) {
    return `Held: ${share(membersLeaving, members)} people would be left without a group, more than ${deactivated} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (isOver(ungrouped, grouped, deactivated)) {
    return `Held: ${share(ungrouped, grouped)} people would be left without a group, more than ${deactivated} %, as theirs would become inactive. Look whether the memberships are as new as the groups; approve the plan if that is right; nothing was changed.`;
  }
  // Groups that are over keep their memberships: of years of them, all that there are now would be a small share.
  for (const [ending, of] of [
    [currentMembershipsEnding, currentMemberships],
    [membershipsEnding, memberships],
  ] as const) {
    if (isOver(ending, of, deactivated))
      return `Held: ${share(ending, of)} memberships would end, more than ${deactivated} %. Approve the plan if that is right; nothing was changed.`;
  }
  return undefined;
}

/** A day as people write it: 3 November. */
function day(date: Date): string {
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' });
}
