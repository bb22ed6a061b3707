/** Deltas at the network's door, and deltas under the name that a block gives them. */
import { equalBytes, type Fault, fault, toHex } from '@gradmesh/core'
import { type Delta, payloadBytesMax } from '@gradmesh/delta'
import {
  type Block,
  type DeltaHeader,
  type Genesis,
  PROTOCOL_VERSION,
  type SignedDeltaHeader
} from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import type { LedgerState } from './types.ts'
import { layoutOf } from './weights.ts'

/** A delta that passed the door, by the lower-case hexadecimal of its digest. */
export type HeldDeltas = ReadonlyMap<string, { readonly header: DeltaHeader; readonly delta: Delta }>

/**
 * Everything about a delta's header that the state decides; its signature and payload are checked
 * elsewhere. Faults: LEDGER_ENDED, LEDGER_DELTA_PROTOCOL, LEDGER_DELTA_ROUND (detail: stale or early),
 * LEDGER_DELTA_BASE, LEDGER_DELTA_TRAINER, LEDGER_DELTA_STEPS, LEDGER_DELTA_BYTES.
 */
export const checkDeltaHeader = (
  genesis: Genesis,
  { accounts, root }: Pick<LedgerState, 'accounts' | 'root'>,
  { header }: Pick<SignedDeltaHeader, 'header'>
): Fault<LedgerFault> | null => {
  if (header.protocol !== PROTOCOL_VERSION) return fault('LEDGER_DELTA_PROTOCOL', `${header.protocol}`)
  if (genesis.end.rounds !== null && accounts.round >= genesis.end.rounds) return fault('LEDGER_ENDED')
  if (header.round !== accounts.round) {
    return fault('LEDGER_DELTA_ROUND', header.round < accounts.round ? 'stale' : 'early')
  }
  if (!equalBytes(header.base, root)) return fault('LEDGER_DELTA_BASE')
  if (!accounts.trainers.some(({ key }) => equalBytes(key, header.trainer))) {
    return fault('LEDGER_DELTA_TRAINER', toHex(header.trainer))
  }
  if (header.steps < 1 || header.steps > genesis.training.innerSteps) {
    return fault('LEDGER_DELTA_STEPS', `${header.steps}, 1..${genesis.training.innerSteps} wanted`)
  }
  const bytesMax = payloadBytesMax(layoutOf(genesis))
  if (header.payloadBytes < 1 || header.payloadBytes > bytesMax) {
    return fault('LEDGER_DELTA_BYTES', `${header.payloadBytes}, 1..${bytesMax} wanted`)
  }
  return null
}

/**
 * Whether each digest that a block names belongs to the trainer it stands for and to the round that
 * closes. Ask this when the payloads are held, before voting; `applyBlock` relies on it.
 * Faults: LEDGER_DELTA_MISSING, LEDGER_DELTA_TRAINER, and those of `checkDeltaHeader`.
 */
export const checkNamedDeltas = (
  genesis: Genesis,
  parent: Pick<LedgerState, 'accounts' | 'root'>,
  { body }: Pick<Block, 'body'>,
  held: HeldDeltas
): Fault<LedgerFault> | null => {
  for (const { trainer, digest } of body.deltas) {
    const delta = held.get(toHex(digest))
    if (delta === undefined) return fault('LEDGER_DELTA_MISSING', toHex(digest))
    const { key } = parent.accounts.trainers[trainer] ?? {}
    if (key === undefined || !equalBytes(key, delta.header.trainer)) {
      return fault('LEDGER_DELTA_TRAINER', `delta ${toHex(digest)} is not of trainer ${trainer}`)
    }
    const wrong = checkDeltaHeader(genesis, parent, delta)
    if (wrong !== null) return wrong
  }
  return null
}
