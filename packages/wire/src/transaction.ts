/** Transactions: a record a kind, each signed by `key` over its other fields. */
import { type Fault, MeshError, sha256, utf8 } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import type { WireFault } from './faults.ts'
import { counter, digest, publicKey, signature } from './fields.ts'
import { type KeyPair, sign, verify } from './keys.ts'
import { isPrintable, literal, money, record, type Shape, text, variants } from './shape.ts'
import type { Digest, LeaveTx, RegisterTx, RenewTx, StakeTx, Transaction } from './types.ts'

/** A transaction is valid whenever a block includes it; epochs do not enter. */
const EPOCH = 0

const stakeShape = <Kind extends StakeTx['kind']>(kind: Kind) =>
  record<StakeTx<Kind>>({
    kind: literal(kind),
    key: publicKey,
    amount: money,
    nonce: counter,
    signature
  })

export const transactionShape: Shape<Transaction> = variants<'kind', Transaction>('kind', {
  register: record<RegisterTx>({
    kind: literal('register'),
    key: publicKey,
    label: text(BOUNDS.labelBytesMax),
    signature
  }),
  bond: stakeShape('bond'),
  unbond: stakeShape('unbond'),
  leave: record<LeaveTx>({ kind: literal('leave'), key: publicKey, nonce: counter, signature }),
  renew: record<RenewTx>({
    kind: literal('renew'),
    key: publicKey,
    salt: digest,
    nonce: counter,
    signature
  })
})

const codec = cborCodec<Transaction>({
  name: 'transaction',
  shape: transactionShape,
  bytesMax: BOUNDS.transactionBytesMax,
  itemsMax: 32
})

export const encodeTransaction = (transaction: Transaction): Uint8Array => codec.encode(transaction)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL. */
export const decodeTransaction = (bytes: Uint8Array): Transaction | Fault<WireFault> => codec.decode(bytes)

const bodyOf = ({ signature: _, ...body }: Transaction): Uint8Array => dagCbor.encode(body)

/** Of the whole transaction, signature included. */
export const transactionId = (transaction: Transaction): Digest => sha256(encodeTransaction(transaction))

/** Throws `LABEL_INVALID` for a label that no peer would take: it comes from a person. */
export const signRegister = (
  { key, label }: Pick<RegisterTx, 'key' | 'label'>,
  chainId: Digest,
  keyPair: KeyPair
): RegisterTx => {
  if (!isPrintable(label) || utf8(label).length > BOUNDS.labelBytesMax) {
    throw new MeshError('LABEL_INVALID', `this label cannot be registered: ${JSON.stringify(label)}`, {
      remedy: `Choose a label of at most ${BOUNDS.labelBytesMax} bytes of UTF-8 without control characters.`
    })
  }
  const kind = 'register'
  return {
    kind,
    key,
    label,
    signature: sign(kind, chainId, EPOCH, dagCbor.encode({ kind, key, label }), keyPair)
  }
}

/** What a stake transaction says, before it is signed. */
export type StakeOrder =
  | Omit<StakeTx<'bond'>, 'signature'>
  | Omit<StakeTx<'unbond'>, 'signature'>
  | Omit<LeaveTx, 'signature'>
  | Omit<RenewTx, 'signature'>

export const signStake = (order: StakeOrder, chainId: Digest, keyPair: KeyPair): Transaction => ({
  ...order,
  signature: sign(order.kind, chainId, EPOCH, dagCbor.encode(order), keyPair)
})

export const verifyTransaction = (transaction: Transaction, chainId: Digest): boolean =>
  verify(transaction.kind, chainId, EPOCH, bodyOf(transaction), transaction.signature, transaction.key)
