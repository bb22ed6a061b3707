import { equalBytes, isFault, MeshError, toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type CheckpointManifest,
  DigestList,
  decodeCheckpointManifest,
  decodeGetRequest,
  encodeCheckpointManifest,
  type GetRequest,
  leafDigest,
  VoteKind
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { noOrigin } from '../../src/state/origin.ts'
import { fetchCheckpoint } from '../../src/sync/fetching.ts'
import { restoreFromDisk } from '../../src/sync/restoring.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { PROTOCOLS } from '../../src/topics.ts'
import { makeNode, type Node } from '../fixtures/node.ts'
import { keysOf, Script, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const CHECKPOINT = 8
const LEAVES = 20
const LEAF_BYTES = 4 * 64
const script = new Script(
  smallGenesis({
    tensors: [{ name: 'w', shape: [LEAVES, 64], trainable: true, initBound: 1 << 20, base: null }]
  })
).grow(10)
const atCheckpoint = script.written[CHECKPOINT - 1]!

type Answer = Uint8Array | Promise<Uint8Array>
type Reply = (asked: GetRequest, honest: () => Promise<Uint8Array>) => Answer

const nothing = { ledger: () => undefined, driver: () => undefined, pool: () => undefined, onHello: () => {} }

/** A newcomer and sources, each with the whole history; `replies` says how a source answers. */
const meet = async (t: Test, ...replies: Reply[]): Promise<{ newcomer: Node; sources: string[] }> => {
  const hub = createMemoryHub()
  const newcomer = await makeNode(script, hub, keysOf('newcomer'))
  t.teardown(() => newcomer.close())
  await newcomer.net.start()
  const sources: string[] = []
  for (const [i, reply] of replies.entries()) {
    const source = await makeNode(script, hub, validatorKeys[i]!)
    t.teardown(() => source.close())
    await script.store(source.chain, [4, CHECKPOINT])
    const { net } = source.context
    const handle: typeof net.handle = (protocol, bytesMax, handler, options) =>
      net.handle(
        protocol,
        bytesMax,
        async (request, from, onEnd) => {
          const asked = protocol === PROTOCOLS.get.name ? decodeGetRequest(request) : undefined
          if (asked === undefined || isFault(asked)) return handler(request, from, onEnd)
          return reply(asked, () => handler(request, from, onEnd))
        },
        options
      )
    serveRequests(
      {
        ...source.context,
        net: new Proxy(net, { get: (of, name) => (name === 'handle' ? handle : bound(of, name)) })
      },
      nothing,
      'test'
    )
    await net.start()
    await newcomer.net.dial(net.addresses()[0]!)
    sources.push(net.self)
  }
  return { newcomer, sources }
}

const bound = (of: object, name: string | symbol): unknown => {
  const value: unknown = Reflect.get(of, name)
  return typeof value === 'function' ? value.bind(of) : value
}

const honestly: Reply = (_, honest) => honest()

/** Lies about the manifest alone. */
const manifestWith =
  (change: (manifest: CheckpointManifest) => CheckpointManifest): Reply =>
  async (asked, honest) => {
    const bytes = await honest()
    if (asked.what !== 'checkpoint') return bytes
    return encodeCheckpointManifest(change(decodeCheckpointManifest(bytes) as CheckpointManifest))
  }

const flipped = (bytes: Uint8Array, at = 0): Uint8Array => bytes.with(at, bytes[at]! ^ 1) as Uint8Array

const isRestored = async (t: Test, { newcomer, sources }: { newcomer: Node; sources: string[] }) => {
  const { head } = (await fetchCheckpoint(newcomer.context, sources)) ?? {}
  t.equal(head?.height, CHECKPOINT)
  t.strictSame(head?.root, atCheckpoint.state.root, 'the state has the root that the successor carries')
  const weights = await newcomer.context.state.weights({ id: head!.id })
  t.strictSame(weights, atCheckpoint.state.weights)
  t.equal(newcomer.chain.head().height, CHECKPOINT)
  return newcomer.context.faults.totals()
}

t.test(
  'a newcomer starts from the newest checkpoint that is proved, and again from its own disk',
  async t => {
    const met = await meet(t, honestly)
    t.strictSame(await isRestored(t, met), {})
    const { chain, context } = met.newcomer
    const again = await restoreFromDisk(
      chain,
      context.state,
      async () => noOrigin,
      () => t.fail('there is nothing to replay')
    )
    t.equal(again?.id, toHex(chain.head().id))
    t.strictSame(again?.root, atCheckpoint.state.root)
  }
)

t.test('a source that serves a wrong leaf costs a retry', async t => {
  const wrong: Reply = async (asked, honest) =>
    asked.what === 'leaves' ? flipped(await honest(), 7) : honest()
  t.strictSame(await isRestored(t, await meet(t, wrong, honestly)), { SYNC_LEAF: 1 })
})

t.test('a source that leaves during the download costs a retry', async t => {
  const leaving: Reply = (asked, honest) => {
    if (asked.what === 'leaves') throw new MeshError('TEST', 'gone')
    return honest()
  }
  t.strictSame(await isRestored(t, await meet(t, leaving, honestly)), {})
})

t.test('a source that stalls does not hold up the rest', async t => {
  const stalled: Reply = (asked, honest) => (asked.what === 'leaves' ? new Promise(() => {}) : honest())
  t.strictSame(await isRestored(t, await meet(t, stalled, honestly)), {})
})

t.test('what has come is kept: after a restart only the rest is fetched', async t => {
  let asked = 0
  const thin: Reply = async (request, honest) => {
    if (request.what !== 'leaves') return honest()
    asked += request.count
    if (request.index > 8) throw new MeshError('TEST', 'gone')
    return honest()
  }
  const met = await meet(t, thin)
  t.equal(await fetchCheckpoint(met.newcomer.context, met.sources), undefined)
  t.equal(met.newcomer.chain.head().height, 0)
  const held: number[] = []
  for (const [index, digest] of [...atCheckpoint.state.leaves].entries()) {
    const leaf = await met.newcomer.chain.heldLeaves(CHECKPOINT, LEAF_BYTES * index, LEAF_BYTES)
    if (leaf !== undefined && equalBytes(leafDigest(leaf), digest)) held.push(index)
  }
  t.ok(held.length > 0 && held.length < LEAVES, `${held.length} of ${LEAVES} leaves have come`)

  const again = await meet(t, (request, honest) => {
    if (request.what === 'leaves') asked += request.count
    return honest()
  })
  const context = { ...again.newcomer.context, chain: met.newcomer.chain }
  asked = 0
  const { head } = (await fetchCheckpoint(context, again.sources)) ?? {}
  t.strictSame(head?.root, atCheckpoint.state.root)
  t.equal(asked, LEAVES - held.length)
  const weights = await context.state.weights({ id: head!.id })
  t.strictSame(weights, atCheckpoint.state.weights)
})

t.test('a source that has nothing is passed over', async t => {
  t.strictSame(await isRestored(t, await meet(t, () => new Uint8Array(), honestly)), {})
})

t.test('a source that lies about the checkpoint is found out before a leaf is asked for', async t => {
  const { successor } = await manifestOf(t)
  const lies: Record<string, [Reply, string]> = {
    'no certificate': [
      manifestWith(manifest => ({ ...manifest, successor: { ...successor, certificate: null } })),
      'SYNC_CERTIFICATE'
    ],
    'a NOTAR': [certified(VoteKind.NOTAR, [0, 1, 2, 3]), 'SYNC_CERTIFICATE'],
    'half of the stake': [certified(VoteKind.FINAL, [0, 1]), 'SYNC_CERTIFICATE'],
    'another height': [manifestWith(manifest => ({ ...manifest, height: CHECKPOINT - 1 })), 'SYNC_GAP'],
    'another block': [
      manifestWith(manifest => ({ ...manifest, block: script.written[CHECKPOINT - 2]!.block })),
      'SYNC_GAP'
    ],
    garbage: [
      (asked, honest) => (asked.what === 'checkpoint' ? Uint8Array.of(1, 2, 3) : honest()),
      'WIRE_LENGTH'
    ],
    'another leaf': [
      manifestWith(manifest => ({
        ...manifest,
        leaves: DigestList.from([...manifest.leaves].with(2, new Uint8Array(32)))
      })),
      'LEDGER_CHECKPOINT_ROOT'
    ],
    'too many leaves': [
      manifestWith(manifest => ({ ...manifest, leaves: new DigestList(new Uint8Array(5000 * 32)) })),
      'LEDGER_CHECKPOINT_LENGTH'
    ],
    'the accounts of another height': [
      manifestWith(manifest => ({ ...manifest, accounts: new Uint8Array(manifest.accounts.length) })),
      'LEDGER_ACCOUNTS'
    ]
  }
  for (const [name, [lie, code]] of Object.entries(lies)) {
    await t.test(name, async t => {
      let leaves = 0
      const liar: Reply = (asked, honest) => {
        if (asked.what === 'leaves') leaves++
        return lie(asked, honest)
      }
      const met = await meet(t, liar)
      t.equal(await fetchCheckpoint(met.newcomer.context, met.sources), undefined)
      t.strictSame(met.newcomer.context.faults.totals(), { [code]: 1 })
      t.equal(leaves, 0)
      t.equal(met.newcomer.chain.head().height, 0, 'nothing was written')
      t.strictSame(met.newcomer.failures, [])
    })
  }
  await t.test('with an honest one beside it', async t => {
    const faults = await isRestored(t, await meet(t, lies['another leaf']![0], honestly))
    t.strictSame(faults, { LEDGER_CHECKPOINT_ROOT: 1 })
  })
})

const manifestOf = async (t: Test): Promise<CheckpointManifest> => {
  let manifest: CheckpointManifest | undefined
  const watch = manifestWith(given => {
    manifest = given
    return given
  })
  const met = await meet(t, watch)
  await fetchCheckpoint(met.newcomer.context, met.sources)
  return manifest!
}

const certified = (kind: VoteKind, signers: number[]): Reply =>
  manifestWith(manifest => ({
    ...manifest,
    successor: {
      ...manifest.successor,
      certificate: script.certify(manifest.successor.block, kind, signers)
    }
  }))

t.test('from the own disk: the newest checkpoint and the blocks above it', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  await script.store(node.chain, [4, CHECKPOINT])
  const replayed: number[] = []
  const head = await restoreFromDisk(
    node.chain,
    node.context.state,
    async () => noOrigin,
    height => replayed.push(height)
  )
  t.strictSame(replayed, [9, 10])
  t.strictSame(head?.root, script.state.root)
})

t.test('from the own disk: without a checkpoint, from the genesis', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  await script.store(node.chain)
  const head = await restoreFromDisk(
    node.chain,
    node.context.state,
    async () => noOrigin,
    () => {}
  )
  t.equal(head?.height, script.height)
  t.strictSame(head?.root, script.state.root)
})

t.test('from the own disk: damage is named, with what to do', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  await script.store(node.chain, [CHECKPOINT])
  const chain = new Proxy(node.chain, {
    get: (of, name) => (name === 'leaves' ? async () => undefined : bound(of, name))
  })
  await t.rejects(
    restoreFromDisk(
      chain,
      node.context.state,
      async () => noOrigin,
      () => {}
    ),
    {
      code: 'CHAIN_BROKEN',
      message: /the checkpoint at height 8 is gone/,
      remedy: /verify/
    }
  )
})
