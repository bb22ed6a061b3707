import { fromHex, MeshError, toHex } from '@gradmesh/core'
import {
  ensureKey,
  foundTask,
  genesisDefaults,
  keepPlugin,
  makeGenesis,
  readGenesis,
  readPublicKey,
  rewriteKey,
  settleFolder
} from '@gradmesh/peer'
import { type TaskOptions, taskKinds } from '@gradmesh/train'
import { BOUNDS, chainIdOf, isPrintable, type PublicKey } from '@gradmesh/wire'
import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { pairs } from '../format.ts'
import { newPassphrase, passphraseOf, passphraseOption } from '../passphrase.ts'
import { dataOption, datasetOf, datasetOption, folderOf } from '../settings.ts'

const ROUNDS_MAX = 1_000_000
const EPOCH_ROUNDS_MAX = 65_536

export const command: Command = {
  name: 'init',
  about:
    'The new mesh is validated by this peer and by those whose keys are given; all of them have the same stake. Whoever joins later trains. With --key-only just the key is made, for a founder on another machine.',
  options: {
    ...dataOption,
    name: { type: 'string', value: 'TEXT', help: 'of the mesh', default: 'gradmesh' },
    task: {
      type: 'string',
      value: 'NAME',
      help: `what to learn: ${taskKinds()
        .map(({ id }) => id)
        .join(', ')}; or the path or package of a task of your own`,
      default: 'digits'
    },
    option: {
      type: 'string',
      value: 'KEY=VALUE',
      multiple: true,
      help: "one of the task's own options, may be repeated"
    },
    ...datasetOption,
    rounds: {
      type: 'string',
      value: 'N',
      help: "length of the run: the task's own when left out, 0 for no end"
    },
    seed: { type: 'string', value: 'TEXT', help: 'first weights and order of leaders; random when left out' },
    'round-ms': {
      type: 'string',
      value: 'N',
      help: 'time box of a round',
      default: String(genesisDefaults.roundDeadlineMs)
    },
    'epoch-rounds': {
      type: 'string',
      value: 'N',
      help: 'rounds of an epoch, after which validators may change',
      default: String(genesisDefaults.epochs.rounds)
    },
    validator: { type: 'string', value: 'KEY', multiple: true, help: 'another validator, may be repeated' },
    encrypt: { type: 'boolean', help: 'seal the key by a passphrase' },
    ...passphraseOption,
    'key-only': { type: 'boolean', help: 'make and print the key, no genesis' }
  },
  examples: [
    'gradmesh init',
    'gradmesh init --data ./peer --name lab --rounds 200',
    'gradmesh init --key-only'
  ],
  async run({ values, io, env }) {
    const folder = folderOf(values)
    const others = values.texts('validator').map(keyOf)
    const rounds = values.integer('rounds', { min: 0, max: ROUNDS_MAX })
    const roundDeadlineMs = values.integer('round-ms', { min: 100, max: 3_600_000 })
    const epochRounds = values.integer('epoch-rounds', { min: 2, max: EPOCH_ROUNDS_MAX })
    const name = nameOf(values.text('name') ?? 'gradmesh')
    const { task, bases, plugin } = await foundTask(
      values.text('task') ?? 'digits',
      taskOptions(values.texts('option')),
      datasetOf(values)
    )
    if (!values.is('key-only')) await refuseSecond(folder)
    const asked = { values, env }
    const passphrase =
      (await passphraseOf(folder, asked)) ?? (values.is('encrypt') ? await newPassphrase(asked) : undefined)
    const keys = await ensureKey(folder, { passphrase, tell: io.note })
    const isPlain = !(await readPublicKey(folder)).isSealed
    if (passphrase !== undefined && isPlain) await rewriteKey(folder, {}, passphrase)
    const key = toHex(keys.publicKey)
    if (values.is('key-only')) {
      io.print(io.json ? JSON.stringify({ ok: true, key, data: folder }) : key)
      return EXIT.ok
    }
    const seed = values.text('seed')
    const genesis = makeGenesis({
      name,
      task,
      plugin,
      bases,
      validators: [keys.publicKey, ...others],
      rounds: rounds === undefined ? task.recipe.rounds : rounds === 0 ? null : rounds,
      ...(seed === undefined ? {} : { seed }),
      ...(roundDeadlineMs === undefined ? {} : { roundDeadlineMs }),
      ...(epochRounds === undefined ? {} : { epochRounds })
    })
    await settleFolder(folder, genesis, keys)
    if (plugin !== null) await keepPlugin(folder, plugin.place)
    const chainId = toHex(chainIdOf(genesis))
    if (io.json)
      io.print(
        JSON.stringify({ ok: true, key, chainId, data: folder, validators: genesis.validators.length })
      )
    else {
      const rows: [string, string][] = [
        ['mesh', `${genesis.name} (${chainId})`],
        ['key', key],
        ['folder', folder]
      ]
      io.print(pairs(rows))
      io.note(`Start it with: gradmesh up --data ${folder}`)
    }
    return EXIT.ok
  }
}

/** As the genesis has it. */
const nameOf = (name: string): string => {
  if (isPrintable(name) && Buffer.byteLength(name) <= BOUNDS.nameBytesMax) return name
  throw usage(
    'VALUE',
    `--name is longer than ${BOUNDS.nameBytesMax} bytes, or has characters that do not show`,
    'choose a shorter, plain one'
  )
}

const keyOf = (text: string): PublicKey => {
  const key = fromHex(text)
  if (key?.length !== 32)
    throw usage(
      'VALUE',
      `--validator ${text} is not a key`,
      'give the 64 hexadecimal digits that `gradmesh init --key-only` prints'
    )
  return key
}

/** Whole numbers become numbers: the genesis has no others. */
const taskOptions = (words: readonly string[]): TaskOptions =>
  Object.fromEntries(
    words.map(word => {
      const at = word.indexOf('=')
      if (at < 1) throw usage('VALUE', `--option ${word} is not KEY=VALUE`, 'correct the value')
      const value = word.slice(at + 1)
      return [word.slice(0, at), /^\d{1,9}$/.test(value) ? Number(value) : value]
    })
  )

const refuseSecond = async (folder: string): Promise<void> => {
  const held = await readGenesis(folder).catch(error => {
    if (error instanceof MeshError && error.code === 'GENESIS_MISSING') return undefined
    throw error
  })
  if (held === undefined) return
  throw new MeshError('INIT_FOLDER_USED', `${folder} already belongs to the mesh ${held.genesis.name}`, {
    remedy: 'start it with `gradmesh up`, or name another folder with --data DIR'
  })
}
