/**
 * What `bond`, `unbond` and `leave` have in common: sign with the key of the folder, hand the transaction to the
 * running peer, wait until a final block has it. The key stays here; what is sent is of use to nobody else.
 */
import type { Stakes } from '@gradmesh/api'
import { MeshError, toHex } from '@gradmesh/core'
import { readGenesis, readKey, readPublicKey } from '@gradmesh/peer'
import { chainIdOf, type EpochRules, encodeTransaction, type StakeOrder, signStake } from '@gradmesh/wire'
import { usage } from './arguments.ts'
import { clientOf } from './client.ts'
import type { Invocation } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { count } from './format.ts'
import { accountOf, untilTaken } from './order-taken.ts'
import { passphraseOf, passphraseOption } from './passphrase.ts'
import { dataOption, folderOf, urlOption } from './settings.ts'

export const stakingOptions = { ...dataOption, ...urlOption, ...passphraseOption } as const

export type Order = { readonly kind: 'bond' | 'unbond'; readonly amount: bigint } | { readonly kind: 'leave' }
type Account = Stakes['trainers'][number]

/** @throws MeshError `USAGE_ARGUMENT` */
export const amountOf = (text = ''): bigint => {
  if (!/^[1-9]\d{0,18}$/.test(text))
    throw usage(
      'ARGUMENT',
      `"${text}" is no amount`,
      'give a whole number above 0, of at most 19 digits and without separators'
    )
  return BigInt(text)
}

/**
 * @returns the exit code. @throws MeshError `STAKE_…`, `TRANSACTION_…`, `API_…`, `KEY_…`, `GENESIS_MISSING`
 */
export const placeOrder = async ({ values, io, env }: Invocation, order: Order): Promise<number> => {
  const folder = folderOf(values)
  const key = toHex((await readPublicKey(folder)).publicKey)
  const { genesis } = await readGenesis(folder)
  const chainId = chainIdOf(genesis)
  const client = await clientOf(values)
  const { chainId: running } = await client.status()
  if (running !== toHex(chainId))
    throw new MeshError(
      'STAKE_OTHER_MESH',
      `the peer at ${values.text('url')} is of another mesh than ${folder}`,
      {
        remedy: 'let --data and --url name the same peer'
      }
    )
  const { height, round, account: before } = await accountOf(client, key)
  checkOrder(order, before, genesis.epochs)

  const keys = await readKey(folder, { passphrase: await passphraseOf(folder, { values, env }) })
  const { nonce } = before
  const signed = signStake({ ...order, key: keys.publicKey, nonce } as StakeOrder, chainId, keys)
  const transaction = toHex(encodeTransaction(signed))
  const { id } = await client.submit({ transaction })
  io.note(`The peer has spread the order; the next block that is not empty should take it.`)
  const taken = await untilTaken(client, { id, key, nonce, transaction, from: height + 1 })
  const effects = effectsOf(order, genesis.epochs, taken.takenIn)
  const { amount, atStake } = moved(order, before)
  if (io.json) {
    const money = { amount: String(amount), atStake: String(atStake) }
    io.print(JSON.stringify({ ok: true, kind: order.kind, id, ...taken, ...effects, ...money }))
    return EXIT.ok
  }
  io.note(`Final in block ${taken.height}, in epoch ${taken.takenIn}.`)
  const about = (wanted: number): string => `round ${wanted}, about block ${taken.height + wanted - round}`
  io.print(
    order.kind === 'bond'
      ? `${count(atStake)} are at stake. This peer votes with it from epoch ${effects.epoch} on (${about(effects.round)}); its weight grows by at most a tenth of all stake an epoch.`
      : `${count(amount)} were asked back, ${count(atStake)} stay at stake. The seat shrinks from epoch ${effects.epoch} on (${about(effects.round)}): until then this peer votes, so keep it running. The money is free at ${about(effects.freeRound)} at the earliest, later where much leaves at once.`
  )
  return EXIT.ok
}

/** What an order is about, and what is at stake after it and not asked back. */
const moved = (order: Order, { bond, leaving }: Account): { amount: bigint; atStake: bigint } => {
  const before = BigInt(bond) - BigInt(leaving)
  if (order.kind === 'leave') return { amount: before, atStake: 0n }
  const { amount } = order
  return { amount, atStake: order.kind === 'bond' ? before + amount : before - amount }
}

/** What the ledger would refuse, told with what there is. @throws MeshError `STAKE_BALANCE`, `STAKE_NO_BOND`, `STAKE_BOND_MIN` */
export const checkOrder = (order: Order, account: Account, { bondMin }: EpochRules): void => {
  const free = BigInt(account.balance)
  const atStake = BigInt(account.bond) - BigInt(account.leaving)
  if (order.kind === 'bond' && order.amount > free) {
    const [next] = account.vesting
    const coming =
      next === undefined ? '' : `; ${count(next.amount)} more are free when round ${next.round} opens`
    throw new MeshError(
      'STAKE_BALANCE',
      `${count(free)} are free, too little to bond ${count(order.amount)}`,
      {
        remedy: `bond less, or wait until rewards have vested${coming}`
      }
    )
  }
  if (order.kind !== 'bond' && (atStake === 0n || (order.kind === 'unbond' && order.amount > atStake)))
    throw new MeshError(
      'STAKE_NO_BOND',
      `this key has ${count(atStake)} at stake that were not asked back yet`,
      {
        remedy: 'only a bond can be asked back: `gradmesh stakes` shows it, and what unbonds already'
      }
    )
  const stays = moved(order, account).atStake
  if (stays !== 0n && stays < bondMin)
    throw new MeshError(
      'STAKE_BOND_MIN',
      `${count(stays)} would be at stake; the least is ${count(bondMin)}`,
      {
        remedy: order.kind === 'bond' ? 'bond more' : 'unbond less, or all of it with `gradmesh leave`'
      }
    )
}

/**
 * From when on the next set that is drawn counts, and when the money that it leaves behind is free: no set may
 * rest on it, then the unbonding epochs pass.
 */
export const effectsOf = (
  { kind }: Order,
  { rounds, unbonding }: EpochRules,
  takenIn: number
): { epoch: number; round: number; freeRound: number } => {
  const epoch = takenIn + 2
  return { epoch, round: epoch * rounds, freeRound: (epoch + (kind === 'bond' ? 0 : unbonding)) * rounds }
}
