import { exportWeights } from '@gradmesh/peer'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { requireFolder } from '../folder.ts'
import { bytes } from '../format.ts'
import { dataOption, datasetOf, datasetOption, folderOf } from '../settings.ts'

export const command: Command = {
  name: 'export',
  args: [{ name: 'FILE.safetensors', required: true }],
  about:
    'The newest final weights as float32, under the names of the genesis. Digits: layers.0.weight [256,784], layers.0.bias [256], layers.1.weight [10,256], layers.1.bias [10]; inputs scaled to 0..1, ReLU between. Of a mesh that learns LoRA adapters, `--merge` writes the model that they belong to, adapters added in, under the names of Hugging Face. The peer must not be running.',
  options: {
    ...dataOption,
    ...datasetOption,
    merge: { type: 'boolean', help: 'LoRA: the whole model, adapters added to its base' }
  },
  examples: [
    'gradmesh export digits.safetensors',
    'gradmesh export out.safetensors --data ./run/peer-0',
    'gradmesh export model.safetensors --merge --dataset ./stories'
  ],
  async run({ values, args, io }) {
    const [file = ''] = args
    const folder = folderOf(values)
    await requireFolder(folder)
    const done = await exportWeights(folder, file, datasetOf(values), values.is('merge'))
    if (io.json) io.print(JSON.stringify({ ok: true, file, ...done }))
    else {
      io.print(
        `${file}: ${bytes(done.bytes)}, weights after round ${done.round} (height ${done.height}, state root ${done.root})`
      )
      if (done.base > 0)
        io.note(
          `the folder begins at block ${done.base}: how the weights came about before it can't be replayed from here; a peer that runs with --archive can show it`
        )
    }
    return EXIT.ok
  }
}
