/** Checkpoints: a folder with `config.json` and `model.safetensors`, in Hugging Face's form. */
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault, MeshError } from '@gradmesh/core'
import { type LlamaConfig, type ModelConfig, readConfig } from './config.ts'
import { halvesFromNeighbours, isMetaConfig, metaConfig, metaName, turnsRows } from './meta-llama.ts'
import type { Model } from './models/model.ts'
import {
  type ByteSource,
  readHeader,
  readTensor,
  type StoredTensor,
  writeSafetensors
} from './safetensors.ts'
import { elements } from './types.ts'
import type { Variables } from './variables.ts'

/** In front of all names of a whole model; a checkpoint of the bare base leaves it out. */
const PREFIXES: Readonly<Record<ModelConfig['type'], string>> = {
  llama: 'model.',
  gpt2: 'transformer.',
  bert: 'bert.',
  cnn: '',
  bag: ''
}
/** Tables and masks that old checkpoints carry and that are computed here. */
const COMPUTED = /(\.attn\.(bias|masked_bias)|\.position_ids|rotary_emb\.inv_freq)$/

/** The name that this version's models have for a stored tensor. */
const modelName = (stored: string, type: ModelConfig['type'], known: ReadonlySet<string>): string => {
  const renamed = (type === 'llama' ? metaName(stored) : stored)
    .replace(/\.gamma$/, '.weight')
    .replace(/\.beta$/, '.bias')
  const whole = PREFIXES[type] + renamed
  return known.has(renamed) || !known.has(whole) ? renamed : whole
}

const refuse = (name: string, why: string, remedy: string): MeshError =>
  new MeshError('MODEL_CHECKPOINT', `${name}: ${why}`, { remedy, data: { name } })

export interface Loaded {
  /** Tensors of the model that the file does not have: a head that is new. */
  readonly missing: readonly string[]
  /** Tensors of the file that the model does not have: a head of another task. */
  readonly unused: readonly string[]
}

/**
 * Writes each tensor of the file that the model has; those it does not have stay what they are.
 * Throws MODEL_CHECKPOINT for a file that is damaged, of another shape, or of nothing that the model has.
 */
export const loadWeights = async (
  model: Model,
  source: ByteSource,
  variables: Pick<Variables, 'write'>
): Promise<Loaded> => {
  const header = await readHeader(source)
  if (isFault(header)) throw refuse('the file', `${header.fault} ${header.detail ?? ''}`, 'download it again')
  const { config } = model
  const known = new Map(model.tensors.map(tensor => [tensor.name, tensor]))
  const names = new Set(known.keys())
  const unused: string[] = []
  const loaded = new Set<string>()
  for (const stored of header) {
    const name = modelName(stored.name, config.type, names)
    const tensor = known.get(name)
    if (tensor === undefined) {
      if (!COMPUTED.test(stored.name)) unused.push(stored.name)
      continue
    }
    if (stored.shape.join() !== tensor.shape.join()) {
      const shapes = `has the shape (${stored.shape.join(', ')}), the model (${tensor.shape.join(', ')})`
      throw refuse(name, shapes, 'use the config.json that belongs to the file')
    }
    if (loaded.has(name)) throw refuse(name, 'is there twice', 'use a file with one form of names')
    variables.write(name, await valuesOf(source, stored, config))
    loaded.add(name)
  }
  if (loaded.size === 0)
    throw refuse('the file', 'has no tensor of this model', 'check that model_type is right')
  return { missing: [...names].filter(name => !loaded.has(name)), unused }
}

const valuesOf = async (
  source: ByteSource,
  stored: StoredTensor,
  config: ModelConfig
): Promise<Float32Array> => {
  const values = await readTensor(source, stored)
  return config.type === 'llama' && turnsRows(stored.name)
    ? halvesFromNeighbours(values, stored.shape[1]!, (config as LlamaConfig).headWidth)
    : values
}

/** The model's weights as a safetensors file, piece by piece; one tensor at a time leaves the device. */
export const saveWeights = (
  model: Model,
  variables: Variables,
  metadata: Readonly<Record<string, string>> = {}
): AsyncGenerator<Uint8Array> =>
  writeSafetensors(
    model.tensors.map(tensor => ({
      ...tensor,
      values: async () => {
        variables.get(tensor.name, elements(tensor))
        const [values] = await variables.read([tensor.name])
        return values!
      }
    })),
    metadata
  )

/** A file as a source. Close it after use. */
export const openFile = async (path: string): Promise<ByteSource & AsyncDisposable> => {
  const handle = await open(path).catch(cause => {
    throw new MeshError('MODEL_CHECKPOINT', `${path} can't be read`, { cause, remedy: 'check the path' })
  })
  const { size } = await handle.stat()
  return {
    bytes: size,
    async read(start, length) {
      const bytes = new Uint8Array(length)
      let at = 0
      while (at < length) {
        const { bytesRead } = await handle.read(bytes, at, length - at, start + at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      return bytes.subarray(0, at)
    },
    [Symbol.asyncDispose]: () => handle.close()
  }
}

/** `config.json` of a folder, also in the original form of Llama's release. */
export const readConfigFile = async (folder: string): Promise<ModelConfig> =>
  readConfig(await readConfigJson(folder))

/** The same as JSON in Hugging Face's form; nothing in it is checked. */
export const readConfigJson = async (folder: string): Promise<unknown> => {
  const path = join(folder, 'config.json')
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new MeshError('MODEL_CHECKPOINT', `${path} is missing or no JSON`, {
      cause,
      remedy: 'check the folder'
    })
  }
  return isMetaConfig(json) ? metaConfig(json) : json
}
