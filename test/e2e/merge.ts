/**
 * A mesh that learns LoRA adapters, from its folder to a whole model: what `gradmesh export --merge` writes is what an
 * independent reader says that base and adapters add up to, and it says the same as the mesh's own model.
 */
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openTokenizer } from '@gradmesh/data'
import { Generator, loadWeights, modelOf, openFile, readConfigFile, Variables } from '@gradmesh/models'
import { foundTask } from '@gradmesh/peer'
import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import { isThere, prepare, storiesTokenizer } from '../bench/tasks/data.ts'
import { createMesh, until, withoutAdapter } from './harness.ts'

const ROUNDS = 4
const RANK = 4
const ALPHA = 8
/** A layer as the published file calls it, and as Hugging Face does. */
const PUBLISHED = 'layers.1.feed_forward.w2'
const LAYER = 'model.layers.1.mlp.down_proj'
const PROMPT = 'Once upon a time'
const TOKENS = 40

/** Reads three files by the format's own words, with nothing of ours, and merges one layer in float64. */
const PYTHON = `
import json, struct, sys
def read(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + n])
    meta = header.pop('__metadata__', {})
    assert max(e['data_offsets'][1] for e in header.values()) == len(data) - 8 - n
    def floats(name):
        a, b = header[name]['data_offsets']
        assert header[name]['dtype'] == 'F32'
        return struct.unpack('<%df' % ((b - a) // 4), data[8 + n + a:8 + n + b])
    return meta, {name: e['shape'] for name, e in header.items()}, floats
base_path, adapters_path, merged_path, published, layer, scale = sys.argv[1:]
_, base_shapes, base = read(base_path)
_, _, adapters = read(adapters_path)
meta, shapes, merged = read(merged_path)
assert sorted(shapes.values()) == sorted(base_shapes.values()), 'as many tensors of the same shapes'
outputs, inputs = shapes[layer + '.weight']
a, b = adapters(layer + '.lora_A.weight'), adapters(layer + '.lora_B.weight')
rank = len(a) // inputs
before, after = base(published + '.weight'), merged(layer + '.weight')
error = moved = 0
for o in range(outputs):
    for i in range(inputs):
        step = float(scale) * sum(b[o * rank + r] * a[r * inputs + i] for r in range(rank))
        error = max(error, abs(before[o * inputs + i] + step - after[o * inputs + i]))
        moved = max(moved, abs(step))
same = base('norm.weight') == merged('model.norm.weight')
print(json.dumps({'meta': meta, 'rank': rank, 'error': error, 'moved': moved, 'sameNorm': same}))
`

const lacks = (): string | false => {
  if (!isThere('stories')) return 'needs the pretrained model in ../shared/data'
  return spawnSync('python3', ['-c', '']).status === 0 ? false : 'no python3'
}

t.setTimeout(400_000)

t.test(
  'what a mesh learnt by LoRA becomes a whole model',
  { skip: (await withoutAdapter()) ?? lacks() },
  async t => {
    await using data = await prepare('stories')
    const dataset = ['--dataset', data.folder]
    const options = { start: 'lora', rank: RANK, alpha: ALPHA, length: 64, heldOut: 8 }
    const { task, bases } = await foundTask('causal', options, data.folder)
    const mesh = await createMesh({
      ...{ task, bases, rounds: ROUNDS, flags: dataset },
      peers: 2,
      innerSteps: 3,
      roundDeadlineMs: 20_000,
      seed: 'merge'
    })
    t.teardown(() => mesh.close())
    for (const peer of mesh.peers) peer.start()
    for (const peer of mesh.peers)
      await until(
        `${peer.name} has finished`,
        240_000,
        async () => (await peer.status())?.phase === 'finished'
      )
    for (const peer of mesh.peers) await peer.stop()

    const [peer] = mesh.peers
    const [adapters, merged] = ['adapters', 'merged'].map(name => join(mesh.folder, `${name}.safetensors`))
    await peer!.command('export', adapters!)
    const { root, round } = await peer!.command('export', merged!, '--merge', ...dataset)
    t.equal(round, ROUNDS)
    const files = [join(data.folder, 'model.safetensors'), adapters!, merged!]
    const { stdout } = await promisify(execFile)('python3', [
      '-c',
      PYTHON,
      ...files,
      PUBLISHED,
      LAYER,
      String(ALPHA / RANK)
    ])
    const read = JSON.parse(stdout)
    t.match(read, { meta: { state_root: root, round: String(ROUNDS) }, rank: RANK, sameNorm: true })
    t.ok(read.moved > 1e-4, `the adapters say something: up to ${read.moved}`)
    t.ok(read.error < 1e-6, `base and adapters add up to what is exported, but for ${read.error}`)

    const asked = ['generate', PROMPT, '--temperature', '0', '--max-tokens', String(TOKENS), ...dataset]
    const generated = await peer!.command(...asked)
    t.equal(generated.root, root)
    t.equal(await greedyText(data.folder, merged!), generated.text)
    t.not(await greedyText(data.folder, files[0]!), generated.text, 'the base alone says something else')
  }
)

/** What a model says by itself, without mesh or adapters. */
const greedyText = async (folder: string, file: string): Promise<string> => {
  using device = await openDevice()
  const model = modelOf(await readConfigFile(folder), 'causal')
  const variables = new Variables(device)
  await using source = await openFile(file)
  await loadWeights(model, source, variables)
  const tokenizer = openTokenizer(await storiesTokenizer())
  const generator = new Generator(model, variables)
  const prompt = [tokenizer.special('<s>'), ...tokenizer.encode(PROMPT)]
  const tokens: number[] = []
  for await (const token of generator.generate(prompt, { tokensMax: TOKENS })) tokens.push(token)
  generator.free()
  variables.free()
  return tokenizer.decode([...prompt, ...tokens]).slice(tokenizer.decode(prompt).length)
}
