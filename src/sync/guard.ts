import type { Evidence } from './evidence.js';
import type { GuardOverride, SyncPolicy } from './policy.js';

/** What a plan would do to those who are there, of one entity type. */
export interface Impact {
  /** How many are mapped and were not missing before. */
  base: number;
  /** How many of them would begin to be missing, or be deactivated. */
  leaving: number;
  /** How many of them would change, those included. */
  changed: number;
  /** People who are in groups by this source, and how many of them would be in none. */
  members: number;
  membersLeaving: number;
  /** Memberships that this source brought, and how many of them would end. */
  memberships: number;
  membershipsEnding: number;
}

/** Why a person must look at the plan first, in a sentence; undefined when it may go on. */
export function judge(
  impact: Impact,
  { evidence, policy, override, noun }: { evidence: Evidence; policy: SyncPolicy; override: GuardOverride | null; noun: string },
): string | undefined {
  const { base, leaving, changed, members, membersLeaving, memberships, membershipsEnding } = impact;
  const { floor } = policy.guard;
  const deactivated = override?.deactivatedPercent ?? policy.guard.deactivatedPercent;
  const changedMost = override?.changedPercent ?? policy.guard.changedPercent;
  // Of a first reading, and of one that speaks of some alone, there is nothing to take a share of.
  const isOver = (count: number, of: number, percent: number) =>
    of > 0 && count >= Math.max(1, floor) && count * 100 > of * percent;
  const share = (count: number, of: number) => `${count} of ${of} (${Math.floor((count * 100) / of)} %)`;
  // Zero rows are never let through by a threshold: only by the person who looks at the plan.
  if (base > 0 && evidence.rows === 0) {
    return `Held: not one ${noun} was read, where ${base} are known. Look whether the source is empty or broken; nothing was changed.`;
  }
  if (isOver(leaving, base, deactivated)) {
    return `Held: ${share(leaving, base)} ${noun}s would go, more than ${deactivated} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (isOver(changed, base, changedMost)) {
    return `Held: ${share(changed, base)} ${noun}s would change, more than ${changedMost} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (isOver(membersLeaving, members, deactivated)) {
    return `Held: ${share(membersLeaving, members)} people would be left without a group, more than ${deactivated} %. Approve the plan if that is right; nothing was changed.`;
  }
  if (isOver(membershipsEnding, memberships, deactivated)) {
    return `Held: ${share(membershipsEnding, memberships)} memberships would end, more than ${deactivated} %. Approve the plan if that is right; nothing was changed.`;
  }
  return undefined;
}
