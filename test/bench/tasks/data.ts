/** The data sets of `../shared/data` as folders that tasks read. */
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTokenizer, readLlama2cPieces, sentencePieceJson } from '@gradmesh/data'
import { Generator, loadWeights, modelOf, openFile, readConfigFile, Variables } from '@gradmesh/models'
import type { Device } from '@gradmesh/tensor'
import type { Recipe, TaskOptions } from '@gradmesh/train'

const SHARED = fileURLToPath(new URL('../../../../shared/data/', import.meta.url))
const STORIES = join(SHARED, 'model-stories260k')
const SHAKESPEARE = join(SHARED, 'lm-shakespeare')
const BOOKS = join(SHARED, 'lm-books')

interface Source {
  readonly task: string
  readonly options: TaskOptions
  /** In place of the task's. */
  readonly recipe?: Partial<Recipe>
  /** The rate of one process, unit 1e-6, that does best of those tried. */
  readonly singleRateMicro: number
  /** A second run, under `full` in the figures. */
  readonly inFull?: Pick<Source, 'options' | 'singleRateMicro'>
  /** All must be there. */
  readonly folders: readonly string[]
}

const SOURCES = {
  'ner-btc': { task: 'entities', options: {}, singleRateMicro: 2000, folders: [join(SHARED, 'ner-btc')] },
  'text-polarity': {
    task: 'sequences',
    options: {},
    singleRateMicro: 4000,
    folders: [join(SHARED, 'text-polarity')]
  },
  'text-clinc150': {
    task: 'sequences',
    options: {
      columns: 3,
      label: 1,
      text: 2,
      leaveOut: 'oos',
      vocabulary: 4096,
      length: 32,
      width: 64,
      grams: 2,
      buckets: 8192,
      dropPiecesPercent: 30,
      decayPercent: 10
    },
    recipe: { rounds: 16, innerRateMicro: 20_000 },
    singleRateMicro: 10_000,
    folders: [join(SHARED, 'text-clinc150')]
  },
  fashion: {
    task: 'images',
    options: { width: 256, shift: 1, mirror: 1, dropoutPercent: 50 },
    recipe: { rounds: 30, innerSteps: 60 },
    singleRateMicro: 1000,
    folders: [join(SHARED, 'img-fashion-mnist')]
  },
  stories: {
    task: 'causal',
    options: { start: 'lora' },
    singleRateMicro: 10_000,
    inFull: { options: { start: 'full' }, singleRateMicro: 2000 },
    folders: [STORIES, SHAKESPEARE]
  },
  masked: {
    task: 'masked',
    options: { vocabulary: 1024 },
    recipe: { rounds: 40, innerRateMicro: 4000 },
    singleRateMicro: 2000,
    folders: [BOOKS]
  }
} as const satisfies Record<string, Source>

export type Name = keyof typeof SOURCES
export const NAMES = Object.keys(SOURCES) as Name[]

export const isThere = (name: Name): boolean => SOURCES[name].folders.every(folder => existsSync(folder))

export interface Prepared extends Omit<Source, 'folders'>, AsyncDisposable {
  readonly folder: string
}

/** `dataset`: a folder of the same form in place of the one in `../shared/data`. */
export const prepare = async (name: Name, dataset?: string): Promise<Prepared> => {
  const { folders, ...source }: Source = SOURCES[name]
  const make = MAKES[name]
  if (dataset !== undefined || make === undefined)
    return { ...source, folder: dataset ?? folders[0]!, async [Symbol.asyncDispose]() {} }
  const folder = await mkdtemp(join(tmpdir(), 'gradmesh-task-'))
  await make(folder)
  return { ...source, folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

/** The first nine tenths to learn from. */
const splitText = async (path: string, folder: string): Promise<void> => {
  const text = await readFile(path, 'utf8')
  const cut = Math.floor(0.9 * text.length)
  await writeFile(join(folder, 'train.txt'), text.slice(0, cut))
  await writeFile(join(folder, 'dev.txt'), text.slice(cut))
}

/** Data sets that are put together for the run. */
const MAKES: { readonly [N in Name]?: (folder: string) => Promise<void> } = {
  masked: folder => splitText(join(BOOKS, 'pride-and-prejudice-ch01-55.txt'), folder),
  async stories(folder) {
    await splitText(join(SHAKESPEARE, 'input.txt'), folder)
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(await storiesTokenizer()))
    for (const file of ['config.json', 'model.safetensors'])
      await copyFile(join(STORIES, file), join(folder, file))
  }
}

export const storiesTokenizer = async (): Promise<object> =>
  sentencePieceJson(readLlama2cPieces(await readFile(join(STORIES, 'tok512.bin'))))

const BEGIN = 1
const TOKENS = 200

/** The published greedy text of the pretrained model, token by token. */
export const greedyTokensEqual = async (device: Device): Promise<boolean> => {
  const model = modelOf(await readConfigFile(STORIES), 'causal')
  const variables = new Variables(device)
  await using file = await openFile(join(STORIES, 'model.safetensors'))
  await loadWeights(model, file, variables)
  const generator = new Generator(model, variables)
  const tokens: number[] = []
  for await (const token of generator.generate([BEGIN], { tokensMax: TOKENS })) tokens.push(token)
  generator.free()
  variables.free()
  const published = await readFile(join(STORIES, 'greedy-sample.txt'), 'utf8')
  const text = openTokenizer(await storiesTokenizer()).decode(tokens)
  return tokens.length === TOKENS && text.trim() === published.trim()
}
