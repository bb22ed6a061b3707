/**
 * The order of what is durable and what is public, and the limits of what is kept, broken in the daemon itself:
 * whole peers run on disks that forget.
 */
import type { Mutant } from './types.ts'

const PERFORMING = 'packages/peer/src/round/performing.ts'
const PROPOSING = 'packages/peer/src/round/proposing.ts'
const ATTESTING = 'packages/peer/src/round/attesting.ts'
const TRAINING = 'packages/peer/src/training/training.ts'
const LEDGER = 'packages/peer/src/state/ledger.ts'
const RESUMING = 'packages/peer/src/sync/resuming.ts'
const CHAIN = 'packages/store/src/chain/open-chain.ts'
const ERROR_BUFFER = 'packages/store/src/chain/error-buffer.ts'
const SAFETY = 'packages/store/src/safety/open-safety.ts'

const one = (name: string, file: string, find: string, put: string): Mutant => ({
  name,
  judge: 'mesh',
  edits: [{ file, find, put }]
})

export const diskOrderMutants: readonly Mutant[] = [
  one(
    'peer-sends-a-vote-while-it-is-written',
    PERFORMING,
    '    await safety.recordVote(facts, encodeVote(vote))\n',
    '    void safety.recordVote(facts, encodeVote(vote))\n'
  ),
  one(
    'peer-sends-its-block-while-it-is-written',
    PROPOSING,
    '    await this.#context.safety.recordOwnBlock(',
    '    void this.#context.safety.recordOwnBlock('
  ),
  one(
    'peer-forgets-its-own-block',
    PROPOSING,
    '    const stored = await this.#context.safety.ownBlock(proposal.slot)\n',
    '    const stored = await this.#context.safety.ownBlock(proposal.slot - 1)\n'
  ),
  one(
    'peer-signs-anew-where-a-crash-left-an-id-alone',
    PROPOSING,
    '    if (stored?.bytes === null) return undefined\n    if (stored !== undefined) {',
    '    if (stored?.bytes) {'
  ),
  one(
    'peer-sends-its-delta-while-it-is-written',
    TRAINING,
    '    await safety.recordSeal(round, digest, bytes)\n',
    '    void safety.recordSeal(round, digest, bytes)\n'
  ),
  one(
    'peer-trains-again-what-has-no-seal-yet',
    TRAINING,
    '    if (this.#open?.round !== round) return undefined\n',
    '    if (this.#open?.round !== -1) return undefined\n'
  ),
  one(
    'peer-forgets-its-seal',
    TRAINING,
    '    const sealed = await safety.seal(round)\n',
    '    const sealed = await safety.seal(round + 1_000_000)\n'
  ),
  one(
    'peer-attests-before-its-disk-holds',
    ATTESTING,
    '      await chain.putDeltas(deltas)\n',
    '      void chain.putDeltas(deltas)\n'
  ),
  one(
    'peer-votes-before-its-disk-holds-the-payloads',
    LEDGER,
    '    if (misnamed !== null) return misnamed\n    await this.#context.chain.putProposal(',
    '    if (misnamed !== null) return misnamed\n    void this.#context.chain.putProposal('
  ),
  one(
    'peer-remembers-finality-before-its-chain-does',
    LEDGER,
    '      await this.#context.chain.commitFinal(news, own, receipts)\n      await this.#context.safety.recordFinal(last.header.height, digestOf(id))\n',
    '      await this.#context.safety.recordFinal(last.header.height, digestOf(id))\n      await this.#context.chain.commitFinal(news, own, receipts)\n'
  ),
  {
    name: 'peer-restarts-without-what-it-signed',
    judge: 'mesh',
    edits: [
      {
        file: RESUMING,
        find: '    facts: await safety.factsFrom(final.slot + 1),\n',
        put: '    facts: [],\n'
      },
      {
        file: RESUMING,
        find: '    highWaterSlot: Math.max(0, safety.highWaterSlot()),\n',
        put: '    highWaterSlot: 0,\n'
      },
      {
        file: RESUMING,
        find: 'votes: votes.flatMap(vote => (isFault(vote) ? [] : [vote]))',
        put: 'votes: votes.flatMap(() => [])'
      }
    ]
  },
  one(
    'safety-is-not-synced',
    SAFETY,
    'put(SEQUENCE, u64(sequence))], { sync: true })\n    })\n    this.#state.sequence',
    'put(SEQUENCE, u64(sequence))], { sync: false })\n    })\n    this.#state.sequence'
  ),
  one(
    'safety-database-before-its-high-water-file',
    SAFETY,
    '      await this.#mirror.append({ sequence, entry: encodeEntry(entry) })\n      await this.#database.batch([...operations, put(SEQUENCE, u64(sequence))], { sync: true })\n',
    '      await this.#database.batch([...operations, put(SEQUENCE, u64(sequence))], { sync: true })\n      await this.#mirror.append({ sequence, entry: encodeEntry(entry) })\n'
  ),
  one(
    'proposals-are-not-synced',
    CHAIN,
    'put(liveKey(slot, id), beU32(height)))\n      await this.#database.batch(operations, { sync: true })',
    'put(liveKey(slot, id), beU32(height)))\n      await this.#database.batch(operations, { sync: false })'
  ),
  one(
    'attested-deltas-are-not-synced',
    CHAIN,
    '      if (operations.length > 0) await this.#database.batch(operations, { sync: true })\n',
    '      if (operations.length > 0) await this.#database.batch(operations, { sync: false })\n'
  ),
  one(
    'final-blocks-are-not-synced',
    CHAIN,
    '      await this.#database.batch(operations, { sync: true })\n      this.#head = head\n    })\n  }\n\n  async #follow',
    '      await this.#database.batch(operations, { sync: false })\n      this.#head = head\n    })\n  }\n\n  async #follow'
  ),
  one(
    'own-delta-without-its-error-buffer',
    CHAIN,
    '      const operations = pending === null ? [] : await this.#deltas.additions([pending])\n',
    '      const operations: Operation[] = []\n      const own = pending === null ? [] : await this.#deltas.additions([pending])\n      await this.#database.batch(own, { sync: true })\n'
  ),
  one('error-buffer-file-is-not-synced', ERROR_BUFFER, '  await files.sync(nameOf({ file }))\n', ''),
  one(
    'error-buffer-over-the-one-that-counts',
    ERROR_BUFFER,
    'const file = held.file === 0 ? 1 : 0',
    'const file = 0'
  ),
  one(
    'transactions-without-a-limit',
    'packages/peer/src/round/transaction-pool.ts',
    'this.#waiting.size >= MAX && ',
    'this.#waiting.size >= 100 * MAX && '
  ),
  one(
    'a-gone-peers-height-is-kept',
    'packages/peer/src/sync/syncing.ts',
    '    this.#heights.delete(peer)\n  }\n\n  held',
    '  }\n\n  held'
  )
]
