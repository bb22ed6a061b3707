/** Rules of the vote, each broken a little. */
import { type Mutant, one } from './types.ts'

const at = (file: string): string => `packages/consensus/src/${file}`

export const ruleMutants: readonly Mutant[] = [
  one('half-is-a-quorum', at('quorum.ts'), 'return isQuorum(weight, total)', 'return 2n * weight > total'),
  one(
    'two-thirds-are-enough',
    at('quorum.ts'),
    'return isQuorum(weight, total)',
    'return 3n * weight >= 2n * total'
  ),
  {
    ...one(
      'stake-is-a-head-count',
      at('quorum.ts'),
      'sum + validators[index]!.stake, 0n)',
      'sum + (validators[index] ? 1n : 0n), 0n)'
    ),
    edits: [
      {
        file: at('quorum.ts'),
        find: 'sum + validators[index]!.stake, 0n)',
        put: 'sum + (validators[index] ? 1n : 0n), 0n)'
      },
      {
        file: at('quorum.ts'),
        find: 'return isQuorum(weight, total)',
        put: 'return isQuorum(weight, total < 0n ? total : BigInt(validators.length))'
      }
    ]
  },
  one(
    'signer-counts-twice',
    at('ballots.ts'),
    'blockId)) votes.push(vote)',
    'blockId)) votes.push(vote, vote)'
  ),
  one(
    'certificates-need-no-quorum',
    at('quorum.ts'),
    'signatures.length && areQuorum(voters, validators, total) ?',
    'signatures.length && areQuorum(voters, validators, 0n * total) ?'
  ),
  one(
    'votes-for-other-blocks-count',
    at('ballots.ts'),
    'vote !== null && equalBytes(vote.blockId, blockId)',
    'vote !== null && vote.blockId.length === blockId.length'
  ),
  one(
    'final-without-notar-certificate',
    at('step.ts'),
    '    cast(draft, VoteKind.NOTAR, { ...facts, notar: id })\n',
    '    cast(draft, VoteKind.NOTAR, { ...facts, notar: id })\n    cast(draft, VoteKind.FINAL, { ...facts, notar: id, final: id })\n'
  ),
  one(
    'final-for-a-block-not-voted-for',
    at('step.ts'),
    'if (facts.notar === id) cast',
    'if (id !== null) cast'
  ),
  one(
    'skip-after-final',
    at('step.ts'),
    'if (abstain || facts.skip || facts.final !== null) return',
    'if (abstain || facts.skip) return'
  ),
  one(
    'final-after-skip',
    at('step.ts'),
    'notar === null || abstain || facts.skip || facts.final !== null',
    'notar === null || abstain || facts.final !== null'
  ),
  one(
    'gap-needs-no-skip',
    at('certificates.ts'),
    'for (let gap = first; gap < slot; gap++) if (!isSkipped(draft, gap)) return false',
    ''
  ),
  one(
    'parent-needs-no-notar',
    at('certificates.ts'),
    'if (parentSlot < draft.final.slot || certifiedIn(draft, parentSlot) !== parentId) return false',
    'if (parentSlot < draft.final.slot || parentId === "") return false'
  ),
  one('round-on-ground-not-final', at('step.ts'), '(empty && isLinked(', '((empty || !empty) && isLinked('),
  one(
    'invalid-blocks-get-votes',
    at('step.ts'),
    "if (check !== 'valid' ||",
    "if ((check !== 'valid' && check !== 'invalid') ||"
  ),
  one(
    'height-unchecked',
    at('step.ts'),
    'if (block.height !== parent.height + 1)',
    'if (block.height < parent.height)'
  ),
  {
    ...one('newest-proposal-wins', at('step.ts'), '', ''),
    edits: [
      {
        file: at('step.ts'),
        find: 'if (abstain || facts.notar !== null) return',
        put: 'if (abstain) return'
      },
      {
        file: at('step.ts'),
        find: 'for (const [id, check] of next) {',
        put: 'for (const [id, check] of [...next].reverse()) {\n    if (id === facts.notar) return'
      }
    ]
  },
  one(
    'facts-not-restored',
    at('create.ts'),
    'if (facts.slot > final.slot) edit(facts.slot, { facts, abstain: false })',
    'edit(facts.slot, { abstain: false })'
  ),
  one(
    'high-water-ignored',
    at('state.ts'),
    'abstain: slot <= highWaterSlot',
    'abstain: slot < 0 * highWaterSlot'
  ),
  one(
    'pruning-erases-facts',
    at('finality.ts'),
    'if (slot < block.slot - SLOTS_BELOW_FINAL)',
    'if (slot < block.slot + SLOTS_BELOW_FINAL)'
  ),
  one(
    'ancestors-not-finalised',
    at('finality.ts'),
    "type: 'finalise', blocks: final, certificate",
    "type: 'finalise', blocks: final.slice(-1), certificate"
  ),
  one(
    'final-before-its-ancestors-came',
    at('finality.ts'),
    'if (missing !== null || forked) return',
    'if (blocks.length === 0 || forked) return'
  ),
  one(
    'timer-reset-by-any-certificate',
    at('step.ts'),
    'draft.frontier - settledSlot(draft) - 1',
    '0 * settledSlot(draft)'
  ),
  one(
    'timer-never-fires',
    at('step.ts'),
    'if (hopeless || now >= draft.timers!.deadlineMs)',
    'if (hopeless || now < 0)'
  ),
  one(
    'timer-fires-at-once',
    at('step.ts'),
    'if (hopeless || now >= draft.timers!.deadlineMs)',
    'if (hopeless || now >= 0)'
  ),
  one(
    'skip-ends-no-slot',
    at('certificates.ts'),
    'return known?.notar ?? known?.skip ?? undefined',
    'return known?.notar ?? undefined'
  ),
  one(
    'leaders-by-heads',
    at('leader.ts'),
    'ticket -= validators[index]!.stake',
    'ticket -= total / BigInt(validators.length) + 1n'
  ),
  one(
    'never-asks-again',
    at('upkeep.ts'),
    '  resend(draft, now)\n  fetch(draft, now)',
    '  if (now >= 0) return'
  ),
  {
    ...one('stale-votes-unanswered-and-unsynced', at('upkeep.ts'), '', ''),
    edits: [
      {
        file: at('upkeep.ts'),
        find: "  draft.effects.push({ type: 'answer', validator, certificate })",
        put: ''
      },
      { file: at('upkeep.ts'), find: '  if (now >= overdue ||', put: '  if (overdue < 0 ||' }
    ]
  },
  one(
    'honest-votes-are-evidence',
    at('ballots.ts'),
    'other !== null && contradict(other, vote)',
    'other !== null && (contradict(other, vote) || other.kind !== vote.kind)'
  )
]
