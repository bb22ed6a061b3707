/**
 * A task of every kind, on real data: a mesh of four in this process, through the same integers that peers
 * exchange, or of four real peers, beside training in one process with as many steps.
 *
 *     npm run tasks -- ner-btc --json
 *     npm run tasks -- text-polarity --processes
 */
import { parseArgs } from 'node:util'
import { sha256, utf8 } from '@gradmesh/core'
import { openDevice } from '@gradmesh/tensor'
import { openTrainer, type Report, type TaskOptions, taskKind } from '@gradmesh/train'
import { RECIPE_HELP, recipeFlags, recipeOf, whole } from '../../../packages/train/bench/flags.ts'
import { runMesh, runOneProcess, startOf } from '../../../packages/train/bench/runs.ts'
import { greedyTokensEqual, isThere, NAMES, prepare } from './data.ts'
import { runPeers } from './peers.ts'

const HELP = `npm run tasks -- ${NAMES.join('|')} [options]

Trains the task by a mesh and by one process with as many steps, and prints both reports; stories by LoRA, then in
full. Needs ../shared/data beside the repository.

${RECIPE_HELP}
  --processes     each peer of the mesh is a process of its own, as \`gradmesh up\` starts it, over libp2p on 127.0.0.1;
                  without it all take turns in this process
  --peers N       peers of the mesh (4)
  --seed TEXT     start and order of the samples (0)
  --single-rate-micro N   highest rate of the training in one process, which falls by a cosine
  --dataset DIR   files of the same names in place of those in ../shared/data: to choose a recipe by a part of train
  --only mesh|single      one of the two
  --option KEY=VALUE      of the task, may be repeated
  --json          nothing but the last line, one object with the figures`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    json: { type: 'boolean', default: false },
    processes: { type: 'boolean', default: false },
    peers: { type: 'string', default: '4' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
    dataset: { type: 'string' },
    option: { type: 'string', multiple: true, default: [] },
    'single-rate-micro': { type: 'string' },
    ...recipeFlags
  }
})
const name = NAMES.find(known => known === positionals[0])
if (values.help || name === undefined) {
  console.log(HELP)
  process.exit(values.help ? 0 : 2)
}
if (values.dataset === undefined && !isThere(name)) {
  console.log(`skipped: the data of ${name} are not in ../shared/data`)
  process.exit(0)
}

const say = (text: string): void => {
  if (!values.json) console.log(text)
}

const asked = Object.fromEntries(
  values.option.map(word => {
    const [key = '', value = ''] = word.split(/=(.*)/s)
    return [key, /^\d{1,9}$/.test(value) ? Number(value) : value]
  })
)
await using data = await prepare(name, values.dataset)
using device = await openDevice()
const seed = sha256(utf8('gradmesh/bench'), utf8(values.seed))

type Figures = Readonly<Record<string, number>>

const FIGURES: Readonly<Record<typeof name, readonly string[]>> = {
  'ner-btc': ['f1'],
  'text-polarity': ['accuracy'],
  'text-clinc150': ['accuracy'],
  fashion: ['accuracy'],
  stories: ['perplexity'],
  masked: ['maskedAccuracy', 'blindAccuracy', 'perplexity', 'nextAccuracy']
}

/** Those that the task is judged by; `when` where its start is judged as well. */
const figuresOf = ({ figures }: Pick<Report, 'figures'>, when = ''): Figures =>
  Object.fromEntries(FIGURES[name].map(figure => [figure + when, (figures as Figures)[figure]!]))

/** The mesh's figures and one process's, with these options of the task. */
const measure = async (options: TaskOptions, singleRateMicro: number): Promise<Record<string, Figures>> => {
  const kind = taskKind(data.task)
  const task = kind.open(await kind.found({ ...data.options, ...options }, data.folder))
  const recipe = recipeOf({ ...task.recipe, ...data.recipe }, values, HELP)
  const loaded = await task.load({ seed, folder: data.folder })
  const trainer = await openTrainer({ device, task, loaded, batch: recipe.batch })
  const input = {
    task,
    trainer,
    recipe,
    peers: whole(values.peers, HELP),
    seed,
    samples: loaded.samples,
    bases: await task.bases(data.folder),
    tell: (done: number, of: number, loss: number | null = null) => {
      if (!values.json && process.stderr.isTTY)
        process.stderr.write(`\r${done} of ${of}${loss === null ? '' : `, loss ${loss.toFixed(3)}`}   `)
    }
  }
  const rate = whole(values['single-rate-micro'] ?? String(singleRateMicro), HELP)
  const start = startOf(input)
  say(
    `${device.info.name}; ${loaded.samples} samples, ${start.length} parameters, ${JSON.stringify(recipe)}; one process at ${rate}`
  )

  // A pretrained model is judged by what it was before, too.
  const before = name === 'stories' ? await trainer.evaluate(start) : null
  if (before !== null) say(`before: ${before.text}`)
  const found: Record<string, Figures> = {}
  const keep = (which: string, report: Pick<Report, 'figures'>): void => {
    found[which] =
      before === null ? figuresOf(report) : { ...figuresOf(before, 'Before'), ...figuresOf(report, 'After') }
  }
  const isAsked = (which: string): boolean => values.only === undefined || values.only === which
  for (const [which, run] of [
    ['mesh', () => runMesh(input)],
    ['single', () => runOneProcess(input, rate * 1e-6, 'cosine')]
  ] as const) {
    if (!isAsked(which) || (which === 'mesh' && values.processes)) continue
    const { report, steps, seconds, payloadBytes } = await run()
    say(`\n${which}: ${steps} steps in ${seconds.toFixed(0)} s, ${payloadBytes.toFixed(0)} bytes a delta`)
    say(report.text)
    keep(which, report)
  }
  await trainer.close()
  if (values.processes && isAsked('mesh')) {
    const { folder } = data
    const meshTask = { ...task, recipe }
    const ran = await runPeers({ ...input, task: meshTask, folder, seed: values.seed })
    say(`\nmesh: ${input.peers} processes, ${ran.seconds.toFixed(0)} s to the state ${ran.root} of them all`)
    say(JSON.stringify(figuresOf(ran)))
    keep('mesh', ran)
  }
  return found
}

const { inFull } = data
const result: Record<string, unknown> = await measure(asked, data.singleRateMicro)
if (inFull !== undefined && asked.start === undefined)
  result.full = await measure({ ...asked, ...inFull.options }, inFull.singleRateMicro)
if (name === 'stories') result.greedyTokensEqual = await greedyTokensEqual(device)
console.log(JSON.stringify(result))
