/**
 * Messages that are all list: as many of the smallest items as fit the fuzzer's sizes, for there an answer weighs most
 * in its input's bytes. Mutation alone hardly gets there: a list's head has to count what follows.
 */
import { sha256, toHex, u32 } from '@gradmesh/core'
import { decodeAccounts, encodeAccounts, type PackedAccounts, unpackAccounts } from '@gradmesh/ledger'
import * as wire from '@gradmesh/wire'
import { encodePeers } from '../../packages/net/src/libp2p/exchange.ts'

let drawn = 0
const digest = (): Uint8Array => sha256(u32(drawn++))
const signature = (): Uint8Array => Uint8Array.from([...digest(), ...digest()])
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

const vote = (): wire.Vote => ({
  epoch: 0,
  slot: 0,
  kind: wire.VoteKind.NOTAR,
  blockId: digest(),
  validator: 0,
  signature: signature()
})
const certificate = (signers: number): wire.Certificate => ({
  epoch: 0,
  slot: 0,
  kind: wire.VoteKind.FINAL,
  blockId: digest(),
  bitmap: wire.bitmapOf(
    signers,
    times(signers, i => i)
  ),
  signatures: times(signers, signature)
})
const attest = (): wire.Attest => ({
  epoch: 0,
  round: 0,
  base: digest(),
  setHash: digest(),
  bitmap: new Uint8Array(),
  validator: 0,
  signature: signature()
})
const announcement = (): wire.SignedDeltaHeader => ({
  header: {
    protocol: wire.PROTOCOL_VERSION,
    trainer: digest(),
    round: 0,
    base: digest(),
    steps: 1,
    payloadBytes: 1,
    payloadHash: digest()
  },
  signature: signature()
})
const renewal = (): wire.Transaction => ({
  kind: 'renew',
  key: digest(),
  salt: digest(),
  nonce: 0,
  signature: signature()
})
const evidence = (): wire.Evidence => ({ kind: 'deltas', first: announcement(), second: announcement() })

const EMPTY: wire.BlockBody = { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] }

const block = (body: Partial<wire.BlockBody> = {}): wire.Block => {
  const whole = { ...EMPTY, ...body }
  return {
    header: {
      protocol: wire.PROTOCOL_VERSION,
      chainId: digest(),
      epoch: 0,
      slot: 0,
      height: 0,
      parentSlot: 0,
      parentId: digest(),
      round: 0,
      transcriptRoot: digest(),
      stateRoot: digest(),
      validatorSetHash: digest(),
      rulesHash: digest(),
      reveal: digest(),
      bodyHash: wire.bodyHashOf(whole)
    },
    body: whole,
    signature: signature()
  }
}

const blocks: wire.Block[] = [
  block({ deltas: times(64, trainer => ({ trainer, digest: digest() })) }),
  block({ keys: times(64, trainer => ({ trainer, key: digest() })) }),
  block({ attests: times(100, attest) }),
  block({ scores: times(3_000, () => ({ validator: 0, trainer: 0, score: 0 })) }),
  block({ txs: times(85, renewal) }),
  block({ evidence: times(35, evidence) })
]

const final = (): wire.FinalBlock => ({ block: block(), certificate: certificate(1) })
const NOTHING_LIVE: wire.SyncReply['live'] = { blocks: [], certificates: [], votes: [] }
const reply = (part: Partial<wire.SyncReply>): Uint8Array =>
  wire.encodeSyncReply({ finalHeight: 0, base: 0, blocks: [], live: NOTHING_LIVE, ...part })

const genesis = (samples: readonly Uint8Array[], part: Partial<wire.Genesis>): Uint8Array =>
  wire.encodeGenesis({ ...(wire.decodeGenesis(samples[0]!) as wire.Genesis), ...part })

/** By the decoder's name; some start from what it has already. */
export const crowded: Readonly<Record<string, (samples: readonly Uint8Array[]) => readonly Uint8Array[]>> = {
  Certificate: () => [wire.encodeCertificate(certificate(128))],
  SignedDeltaHeaders: () => [wire.encodeSignedDeltaHeaders(times(90, announcement))],
  Block: () => blocks.map(wire.encodeBlock),
  SyncReply: () => [
    reply({ blocks: times(20, final) }),
    reply({ live: { ...NOTHING_LIVE, blocks: times(25, () => block()) } }),
    reply({ live: { ...NOTHING_LIVE, certificates: times(120, () => certificate(1)) } }),
    reply({ live: { ...NOTHING_LIVE, votes: times(140, vote) } })
  ],
  CheckpointManifest: () => [
    wire.encodeCheckpointManifest({
      height: 0,
      accounts: new Uint8Array(),
      leaves: wire.DigestList.from(times(450, digest)),
      block: block(),
      successor: final()
    })
  ],
  Genesis: samples => [
    genesis(samples, { validators: times(128, () => ({ key: digest(), stake: 1n })) }),
    genesis(samples, {
      tensors: times(300, i => ({ name: `${i}`, shape: [1], trainable: true, initBound: 0, base: null }))
    })
  ],
  Accounts: samples => {
    const some = samples[0]!
    return [manySeats(some), manyTrainers(some, 0), manyTrainers(some, 1), manyTrainers(some, 17)]
  },
  PeerRecords: () => [encodePeers(times(32, () => ({ key: toHex(digest()), record: new Uint8Array(100) })))]
}

const manySeats = (sample: Uint8Array): Uint8Array => {
  const accounts = unpackAccounts(decodeAccounts(sample) as PackedAccounts)
  const set = { leaderSeed: digest(), seats: times(128, trainer => ({ key: digest(), stake: 1n, trainer })) }
  return encodeAccounts({ ...accounts, running: set, next: set })
}

const manyTrainers = (sample: Uint8Array, dues: number): Uint8Array => {
  const accounts = unpackAccounts(decodeAccounts(sample) as PackedAccounts)
  const schedule = times(dues, round => ({ round, amount: 1_000n + BigInt(round) }))
  const trainers = times(Math.floor(14_000 / (96 + 24 * dues)), i => ({
    ...accounts.trainers[0]!,
    key: digest(),
    label: `${i}`,
    balance: 1_001n + BigInt(i),
    bond: 2_002n + BigInt(i),
    unbonding: schedule,
    vesting: schedule
  }))
  return encodeAccounts({ ...accounts, trainers })
}
