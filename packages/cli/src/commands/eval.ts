import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { finalModelOptions, openFinalModel, stateLine } from '../final-model.ts'

export const command: Command = {
  name: 'eval',
  about:
    "The newest final weights of a folder on the task's held-out data: the task's whole report, and the state root that it is of. The peer must not be running.",
  options: finalModelOptions,
  examples: ['gradmesh eval', 'gradmesh eval --data ./run/peer-0 --dataset ./ner-btc --json'],
  async run({ values, io }) {
    await using model = await openFinalModel(values)
    const { task, loaded, device, weights, state } = model
    const trainer = await loaded.trainer(device)
    const { score, samples, text, figures } = await trainer.evaluate(weights)
    await trainer.close()
    if (io.json)
      io.print(
        JSON.stringify({ ok: true, task: task.id, ...state, [task.scoreName]: score, samples, figures })
      )
    else io.print(`${text}\n\n${stateLine(model)}`)
    return EXIT.ok
  }
}
