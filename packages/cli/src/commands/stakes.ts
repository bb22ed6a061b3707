import type { Stakes } from '@gradmesh/api'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { count, shortKey, table } from '../format.ts'
import { urlOption } from '../settings.ts'

export const command: Command = {
  name: 'stakes',
  options: urlOption,
  examples: ['gradmesh stakes', 'gradmesh stakes --json'],
  async run({ values, io }) {
    const reply = await (await clientOf(values)).stakes()
    io.print(io.json ? JSON.stringify(reply) : stakesText(reply))
    return EXIT.ok
  }
}

const stakesText = ({ height, epoch, validators, trainers, minted, burnt }: Stakes): string =>
  [
    `after block ${height}, in epoch ${epoch}: ${count(minted)} minted, ${count(burnt)} burnt`,
    '',
    table(
      ['validator', 'key', 'stake', 'next epoch', 'slashed'],
      validators.map(({ label, key, stake, nextStake, slashed }) => [
        label ?? '-',
        shortKey(key),
        count(stake),
        count(nextStake),
        count(slashed)
      ])
    ),
    '',
    table(
      ['trainer', 'key', 'since', 'accepted', 'last round', 'free', 'vesting', 'bond', 'unbonding'],
      trainers.map(({ label, key, since, accepted, lastRound, balance, vesting, bond, unbonding }) => [
        label === '' ? '-' : label,
        shortKey(key),
        String(since),
        String(accepted),
        lastRound === null ? '-' : String(lastRound),
        count(balance),
        count(sumOf(vesting)),
        count(bond),
        count(sumOf(unbonding))
      ])
    )
  ].join('\n')

const sumOf = (dues: readonly { readonly amount: string }[]): string =>
  String(dues.reduce((sum, { amount }) => sum + BigInt(amount), 0n))
