/** What `bond`, `unbond` and `leave` have in common: sign, send, wait until a final block has it. */
import type { Stakes } from '@gradmesh/api'
import { MeshError, silentLogger, toHex } from '@gradmesh/core'
import { readGenesis, readPublicKey, sendOrder } from '@gradmesh/peer'
import { usage } from './arguments.ts'
import { clientOf } from './client.ts'
import type { Invocation } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { count } from './format.ts'
import { passphraseOf, passphraseOption } from './passphrase.ts'
import { dataOption, folderOf, urlOption } from './settings.ts'

export const stakingOptions = { ...dataOption, ...urlOption, ...passphraseOption } as const

type Order = { readonly kind: 'bond' | 'unbond'; readonly amount: bigint } | { readonly kind: 'leave' }
type Account = Stakes['trainers'][number]

const PATIENCE_MS = 120_000
const POLL_MS = 500

/** @throws MeshError `USAGE_ARGUMENT` */
export const amountOf = (text: string | undefined): bigint => {
  if (!/^[1-9]\d{0,19}$/.test(text ?? ''))
    throw usage(
      'ARGUMENT',
      `"${text}" is no amount`,
      'give a whole number; `gradmesh stakes` shows what there is'
    )
  return BigInt(text!)
}

/** @returns the exit code. @throws MeshError `STAKE_UNREGISTERED`, `STAKE_UNDECIDED`, `ORDER_UNREACHABLE` */
export const placeOrder = async ({ values, io, env }: Invocation, order: Order): Promise<number> => {
  const folder = folderOf(values)
  const key = toHex((await readPublicKey(folder)).publicKey)
  const { genesis } = await readGenesis(folder)
  const client = await clientOf(values)
  const accountOf = ({ trainers }: Stakes): Account | undefined => trainers.find(each => each.key === key)
  const before = accountOf(await client.stakes())
  if (before === undefined)
    throw new MeshError('STAKE_UNREGISTERED', 'the key in this folder is not registered with the mesh', {
      remedy: 'start the peer and let it register; --data names its folder, --url a peer of the same mesh'
    })
  const { addresses } = await client.status()
  const passphrase = await passphraseOf(folder, { values, env })
  await sendOrder({
    folder,
    passphrase,
    order: { ...order, nonce: before.nonce },
    addresses,
    logger: silentLogger
  })
  const until = performance.now() + PATIENCE_MS
  let stakes = await client.stakes()
  while ((accountOf(stakes)?.nonce ?? 0) <= before.nonce) {
    if (performance.now() > until)
      throw new MeshError('STAKE_UNDECIDED', `no final block has the order after ${PATIENCE_MS / 1000} s`, {
        remedy:
          'Look at `gradmesh stakes`: the order was refused if there is less money free or bonded than it asks for, or if less than the least bond would stay. Else the mesh makes no progress: `gradmesh status`.'
      })
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
    stakes = await client.stakes()
  }
  const account = accountOf(stakes)!
  const { rounds, unbonding } = genesis.epochs
  const seatRound = (stakes.epoch + 2) * rounds
  const freeRound = seatRound + unbonding * rounds
  if (io.json) {
    io.print(JSON.stringify({ ok: true, epoch: stakes.epoch, seatRound, freeRound, ...account }))
    return EXIT.ok
  }
  io.print(
    order.kind === 'bond'
      ? `${count(account.bond)} are at stake now. The seat counts from round ${seatRound} on, and grows by at most a tenth of all stake an epoch.`
      : `${count(account.leaving)} of ${count(account.bond)} were asked back. They are free when round ${freeRound} opens at the earliest, later where much leaves at once. Until round ${seatRound} this peer still votes: keep it running.`
  )
  return EXIT.ok
}
