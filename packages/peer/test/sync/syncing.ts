import { isFault, toHex } from '@gradmesh/core'
import { encodeAccounts } from '@gradmesh/ledger'
import type { Net } from '@gradmesh/net'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type BlockBody,
  type CheckpointManifest,
  decodeGetRequest,
  decodeSyncRequest,
  deltaDigest,
  encodeCheckpointManifest,
  encodeSignedDelta,
  encodeSyncReply,
  type FinalBlock,
  type SyncReply
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { Driver } from '../../src/round/driver.ts'
import { Ledger } from '../../src/state/ledger.ts'
import { fetchCheckpoint } from '../../src/sync/fetching.ts'
import { Syncing } from '../../src/sync/syncing.ts'
import { PROTOCOLS } from '../../src/topics.ts'
import { idle, makeFollowing, makeNode } from '../fixtures/node.ts'
import { keysOf, Script, smallGenesis } from '../fixtures/script.ts'

const EMPTY: BlockBody = { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] }
const epochs = { rounds: 2, bondMin: 1n, unbonding: 4, absentRounds: 256 }
const NOTHING_LIVE = { blocks: [], certificates: [], votes: [] }

/** What a source says of final blocks above a height. */
type Source = (above: number) => Pick<SyncReply, 'finalHeight' | 'blocks'>

const chainOf =
  ({ written }: Script): Source =>
  above => ({
    finalHeight: written.length,
    blocks: written.slice(above).map(({ block, certificate }) => ({ block, certificate }))
  })

/** A newcomer among sources, all of whom have every payload. */
const newcomerAmong = async (
  t: Test,
  script: Script,
  sources: Readonly<Record<string, Source>>,
  checkpoint?: CheckpointManifest
) => {
  const node = await makeNode(script, createMemoryHub(), keysOf('newcomer'))
  t.teardown(() => node.close())
  const payloads = new Map(
    script.written.flatMap(({ deltas }) =>
      deltas.map(delta => [toHex(deltaDigest(delta.header)), encodeSignedDelta(delta)])
    )
  )
  const net: Net = Object.assign(Object.create(node.net) as Net, {
    peers: () => Object.keys(sources).map(key => ({ key })),
    request: async (peer: string, protocol: string, request: Uint8Array) => {
      if (protocol === PROTOCOLS.sync.name) {
        const asked = decodeSyncRequest(request)
        const above = isFault(asked) ? 0 : asked.finalHeight
        return encodeSyncReply({ base: 0, live: NOTHING_LIVE, ...sources[peer]!(above) })
      }
      const asked = decodeGetRequest(request)
      if (isFault(asked)) return new Uint8Array(0)
      if (asked.what === 'checkpoint' && checkpoint !== undefined) return encodeCheckpointManifest(checkpoint)
      return (asked.what === 'delta' && payloads.get(toHex(asked.digest))) || new Uint8Array(0)
    }
  })
  const context = { ...node.context, net }
  const { head, final, evidences, pool } = await makeFollowing(context)
  const ledger = new Ledger(context, pool, final, head, 0)
  const syncing: Syncing = new Syncing(context, ledger, pool, () => driver)
  const driver = new Driver(context, {
    ledger,
    evidences,
    ...idle
  })
  return { context, ledger, syncing, failures: node.failures }
}

t.test('a newcomer takes what one certificate proves after the other', async t => {
  const script = new Script().grow(3)
  const { ledger, syncing, failures } = await newcomerAmong(t, script, { honest: chainOf(script) })
  syncing.wake()
  await syncing.settled()
  t.equal(ledger.final.height, 3)
  t.strictSame(ledger.final.root, script.state.root)
  t.strictSame(failures, [])
})

t.test('those who only say that they are ahead do not keep it from the others', async t => {
  const script = new Script().grow(3)
  const liar: Source = () => ({ finalHeight: 1_000_000, blocks: [] })
  const sources = { one: liar, two: liar, three: liar, honest: chainOf(script) }
  const { ledger, syncing } = await newcomerAmong(t, script, sources)
  for (const key of Object.keys(sources)) syncing.heard(key, key === 'honest' ? 3 : 1_000_000)
  await syncing.settled()
  t.equal(ledger.final.height, 3)
  t.equal(syncing.target, 3, 'nobody believes them now')
})

t.test('an empty block that helped to end an epoch has a FINAL, and no place in the chain', async t => {
  const script = new Script(smallGenesis({ epochs })).grow(2)
  const vanished = script.next(EMPTY)
  const liar: Source = above => {
    const [first, boundary] = script.written
    const blocks: FinalBlock[] = [
      { block: first!.block, certificate: first!.certificate },
      { block: boundary!.block, certificate: null },
      { block: vanished, certificate: script.certify(vanished) }
    ]
    return { finalHeight: 3, blocks: blocks.slice(above) }
  }
  const sources = { liar, honest: chainOf(script) }
  const { context, ledger, syncing } = await newcomerAmong(t, script, sources)
  syncing.wake()
  await syncing.settled()
  t.equal(ledger.final.height, 2)
  t.equal(ledger.final.accounts.epoch, 1)
  t.equal(context.faults.totals().SYNC_EPOCH, 1)
})

t.test('nor is it the block of a checkpoint', async t => {
  const script = new Script(smallGenesis({ epochs })).grow(2)
  const { accounts, leaves } = script.state
  const { block, state } = script.write(EMPTY, [])
  const successor = script.next(EMPTY)
  t.strictSame(state.root, successor.header.stateRoot)
  const manifest = {
    height: 3,
    accounts: encodeAccounts(accounts),
    leaves,
    block,
    successor: { block: successor, certificate: script.certify(successor) }
  }
  const { context } = await newcomerAmong(t, script, { liar: chainOf(script) }, manifest)
  t.equal(await fetchCheckpoint(context, ['liar']), undefined)
  t.equal(context.faults.totals().SYNC_EPOCH, 1)
})
