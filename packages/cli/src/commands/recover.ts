import { fromHex, toHex } from '@gradmesh/core'
import { planRecovery, type Recovery, settleRecovery } from '@gradmesh/peer'
import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { count, percent, shortKey } from '../format.ts'
import { knownPeers, rememberPeers } from '../known-peers.ts'
import { dataOption, datasetOf, datasetOption, folderOf, pathOf } from '../settings.ts'

export const command: Command = {
  name: 'recover',
  about:
    'For a mesh that lost a third of its stake or more for good, as `gradmesh status` says: makes the folder of a new mesh that goes on from the newest final state of the old one. A fork: all who go on name the same survivors, at the same block, and compare the id. Without --yes it only says what it would do. The peer must not be running.',
  options: {
    ...dataOption,
    survivor: { type: 'string', value: 'KEY', multiple: true, help: 'a validator that goes on, repeated' },
    to: { type: 'string', value: 'DIR', help: 'the new folder; that of --data stays as it is' },
    expect: {
      type: 'string',
      value: 'ID',
      help: 'the id that another operator got: anything else is refused'
    },
    ...datasetOption,
    yes: { type: 'boolean', help: 'do it' }
  },
  examples: [
    'gradmesh recover --survivor KEY --survivor KEY',
    'gradmesh recover --survivor KEY --survivor KEY --expect ID --to ./recovered --yes'
  ],
  async run({ values, io }) {
    const folder = folderOf(values)
    const survivors = values.texts('survivor').map(text => bytesOf('survivor', text))
    const given = values.text('expect')
    const to = values.text('to')
    if (survivors.length === 0)
      throw usage('VALUE', '--survivor is missing', 'name each validator that goes on by its key')
    if (values.is('yes') && to === undefined)
      throw usage('VALUE', '--to is missing', 'name a new folder for the new mesh')
    const plan = await planRecovery({
      folder,
      survivors,
      dataset: datasetOf(values),
      expected: given === undefined ? null : bytesOf('expect', given)
    })
    const path = to === undefined ? null : pathOf(to)
    const isWritten = values.is('yes') && path !== null
    if (isWritten) {
      await settleRecovery(folder, path, plan)
      await rememberPeers(path, await knownPeers(folder))
    }
    if (io.json) io.print(JSON.stringify({ ok: true, ...jsonOf(plan), written: isWritten, data: path }))
    else {
      io.note(meaning(plan))
      io.print(toHex(plan.chainId))
      io.note(
        isWritten
          ? `Written. Start it with: gradmesh up --data ${path}`
          : 'Nothing was written. To do it, add: --to DIR --yes'
      )
    }
    return EXIT.ok
  }
}

const bytesOf = (option: string, text: string): Uint8Array => {
  const bytes = fromHex(text)
  if (bytes?.length !== 32)
    throw usage('VALUE', `--${option} ${text} is not 64 hexadecimal digits`, 'copy the whole of it')
  return bytes
}

const jsonOf = ({ chainId, genesis, round, lost, survivors }: Recovery) => {
  const parent = genesis.parent!
  const shares = (seats: Recovery['lost']) => seats.map(({ key, share }) => ({ key: toHex(key), share }))
  return {
    chainId: toHex(chainId),
    parent: toHex(parent.chainId),
    height: parent.height,
    round,
    stateRoot: toHex(parent.stateRoot),
    startRoot: toHex(parent.startRoot),
    survivors: shares(survivors),
    lost: shares(lost)
  }
}

const meaning = ({ genesis, round, survivors, lost }: Recovery): string => {
  const parent = genesis.parent!
  const sum = (seats: Recovery['lost']): string =>
    percent(
      seats.reduce((total, { share }) => total + share, 0),
      0
    )
  const list = (seats: Recovery['lost']): string => seats.map(({ key }) => shortKey(toHex(key))).join(' ')
  return `The mesh ${genesis.name} (${shortKey(toHex(parent.chainId))}) stands at block ${count(parent.height)}, after ${count(round)} rounds.
  go on  ${list(survivors)}, with ${sum(survivors)} of its stake
  lost   ${list(lost)}, with ${sum(lost)}
What this means:
- It is a fork: a new mesh with a new id. Weights, balances and bonds go on; heights and rounds begin at 0.
- If the lost ones are only cut off, they may go on with the old mesh. Then there are two, for ever.
- Every operator who goes on runs the same command, at the same block, and must get the same id:
- Votes and orders of one mesh count for nothing in the other. Bonds of the lost unbond, unslashed.
- Peers of the old mesh are refused until they do the same, or join by a new ticket.`
}
