import { newestWeights } from '@gradmesh/peer'
import { openDevice } from '@gradmesh/tensor'
import { openTask } from '@gradmesh/train'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { requireFolder } from '../folder.ts'
import { dataOption, datasetOf, datasetOption, folderOf, peerOptions } from '../settings.ts'

export const command: Command = {
  name: 'eval',
  about:
    "The newest final weights of a folder on the task's held-out data: the task's whole report, and the state root that it is of. The peer must not be running.",
  options: { ...dataOption, ...datasetOption, adapter: peerOptions.adapter },
  examples: ['gradmesh eval', 'gradmesh eval --data ./run/peer-0 --dataset ./ner-btc --json'],
  async run({ values, io }) {
    const folder = folderOf(values)
    await requireFolder(folder)
    const dataset = datasetOf(values)
    const { genesis, height, round, root, weights } = await newestWeights(folder, dataset)
    const task = openTask(genesis.task)
    const loaded = await task.load({ seed: genesis.seed, folder: dataset })
    const adapter = values.text('adapter')
    using device = await openDevice(adapter === undefined ? {} : { adapter })
    const trainer = await loaded.trainer(device)
    const { score, samples, text, figures } = await trainer.evaluate(weights)
    await trainer.close()
    const state = { height, round, root }
    if (io.json)
      io.print(
        JSON.stringify({ ok: true, task: task.id, ...state, [task.scoreName]: score, samples, figures })
      )
    else {
      io.print(text)
      io.print(`\n${task.id} after round ${round} (height ${height}, state root ${root})`)
    }
    return EXIT.ok
  }
}
