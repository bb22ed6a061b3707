import { sha256, toHex, u32 } from '@gradmesh/core'
import { payloadBytesMax } from '@gradmesh/delta'
import type { DeltaHeader } from '@gradmesh/wire'
import t from 'tap'
import { applyBlock } from '../src/apply.ts'
import { checkDeltaHeader, checkNamedDeltas } from '../src/deltas.ts'
import { blockOf, bodyOf, emptyBody, held, keysOf, makeDelta, worldOf } from './fixtures/world.ts'

const world = worldOf()
const { genesis, start, validators, layout } = world
const other = sha256(u32(9))

t.test('the door', async t => {
  const answer = (change: Partial<DeltaHeader>, on = start) =>
    checkDeltaHeader(genesis, on, makeDelta(world, start, validators[0]!, change).signed)
  t.equal(answer({}), null)
  t.equal(answer({ steps: 1 }), null)
  const { signed } = makeDelta(world, start, validators[0]!)
  const newer = { ...signed, header: { ...signed.header, protocol: 4 } }
  t.equal(checkDeltaHeader(genesis, start, newer)?.fault, 'LEDGER_DELTA_PROTOCOL')
  t.match(answer({ round: 1 }), { fault: 'LEDGER_DELTA_ROUND', detail: 'early' })
  const later = { ...start, accounts: { ...start.accounts, round: 1 } }
  t.match(answer({}, later), { fault: 'LEDGER_DELTA_ROUND', detail: 'stale' })
  t.equal(answer({ base: other })?.fault, 'LEDGER_DELTA_BASE')
  t.equal(answer({ trainer: keysOf('stranger').publicKey })?.fault, 'LEDGER_DELTA_TRAINER')
  t.equal(answer({ steps: 11 })?.fault, 'LEDGER_DELTA_STEPS')
  t.equal(answer({ steps: 0 })?.fault, 'LEDGER_DELTA_STEPS')
  t.equal(answer({ payloadBytes: 0 })?.fault, 'LEDGER_DELTA_BYTES')
  t.equal(answer({ payloadBytes: payloadBytesMax(layout) + 1 })?.fault, 'LEDGER_DELTA_BYTES')
  t.equal(answer({ payloadBytes: payloadBytesMax(layout) }), null)
  const ended = { ...genesis, end: { rounds: 0 } }
  t.equal(checkDeltaHeader(ended, start, signed)?.fault, 'LEDGER_ENDED')
})

t.test('a delta stays valid over an empty block', async t => {
  const block = blockOf(world, start, null, emptyBody)
  const { state } = applyBlock({ genesis, layout, parent: start, block, deltas: new Map() })
  t.equal(checkDeltaHeader(genesis, state, makeDelta(world, start, validators[0]!).signed), null)
})

t.test('a digest under a name', async t => {
  const [a, b] = [makeDelta(world, start, validators[0]!), makeDelta(world, start, validators[1]!)]
  const block = { body: bodyOf(world, start, [a, b]) }
  t.equal(checkNamedDeltas(genesis, start, block, held(a, b)), null)
  t.match(checkNamedDeltas(genesis, start, block, held(a)), {
    fault: 'LEDGER_DELTA_MISSING',
    detail: b.digest
  })
  const [first, second] = block.body.deltas
  const swapped = {
    body: {
      ...block.body,
      deltas: [
        { ...first!, digest: second!.digest },
        { ...second!, digest: first!.digest }
      ]
    }
  }
  t.equal(checkNamedDeltas(genesis, start, swapped, held(a, b))?.fault, 'LEDGER_DELTA_TRAINER')
  const nobody = { body: { ...block.body, deltas: [{ ...first!, trainer: 4 }] } }
  t.equal(checkNamedDeltas(genesis, start, nobody, held(a))?.fault, 'LEDGER_DELTA_TRAINER')
  const old = makeDelta(world, start, validators[0]!, { round: 3 })
  const late = { body: bodyOf(world, start, [old]) }
  t.equal(toHex(late.body.deltas.at(0)!.digest), old.digest)
  t.equal(checkNamedDeltas(genesis, start, late, held(old))?.fault, 'LEDGER_DELTA_ROUND')
})
