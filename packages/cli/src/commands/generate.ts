import { able } from '@gradmesh/train'
import type { Command, Values } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { finalModelOptions, inferenceOf, openFinalModel, stateLine } from '../final-model.ts'
import { seconds } from '../format.ts'

const TOKENS_MAX = 1_000_000

export const command: Command = {
  name: 'generate',
  args: [{ name: 'PROMPT', required: false }],
  about:
    "The model of the folder's newest final weights goes on with PROMPT, on standard output as it comes; without PROMPT it begins a text. For the task causal. The peer must not be running; a running one answers over HTTP (POST /v1/completions).",
  options: {
    ...finalModelOptions,
    'max-tokens': { type: 'string', value: 'N', help: 'ends after so many tokens', default: '128' },
    temperature: {
      type: 'string',
      value: 'T',
      help: '0 takes the likeliest token each time',
      default: '0.8'
    },
    'top-p': { type: 'string', value: 'P', help: 'only the likeliest tokens with this share', default: '1' },
    'top-k': { type: 'string', value: 'N', help: 'only the N likeliest tokens; all when left out' },
    'repetition-penalty': {
      type: 'string',
      value: 'X',
      help: 'makes what the text has already less likely',
      default: '1'
    },
    stop: { type: 'string', value: 'TEXT', help: 'ends before this text' },
    seed: { type: 'string', value: 'TEXT', help: 'of the draws: the same seed, the same text', default: '0' }
  },
  examples: [
    "gradmesh generate 'ROMEO:' --data ./peer --dataset ./shakespeare",
    'gradmesh generate --temperature 0 --max-tokens 200 --json'
  ],
  async run({ values, args, io }) {
    const asked = askOf(values, args[0] ?? '')
    await using model = await openFinalModel(values)
    const inference = await inferenceOf(model)
    const { promptTokens, pieces } = able(model.task.id, inference, 'generate')(asked)
    if (!io.json) io.write(asked.prompt)
    const startMs = performance.now()
    let text = ''
    let tokens = 0
    let next = await pieces.next()
    for (; next.done !== true; next = await pieces.next()) {
      if (!io.json) io.write(next.value.text)
      text += next.value.text
      if (next.value.token !== null) tokens++
    }
    const taken = (performance.now() - startMs) / 1000
    inference?.free()
    const tokensPerSecond = Number((tokens / taken).toFixed(1))
    const finish = next.value
    if (io.json) {
      const told = { text, finish, promptTokens, tokens, seconds: Number(taken.toFixed(3)), tokensPerSecond }
      io.print(JSON.stringify({ ok: true, task: model.task.id, ...model.state, ...told }))
    } else {
      io.print('')
      io.note(`${tokens} tokens in ${seconds(taken)}, ${tokensPerSecond} a second; ${stateLine(model)}`)
    }
    return EXIT.ok
  }
}

const askOf = (values: Values, prompt: string) => {
  const topK = values.integer('top-k', { min: 1, max: TOKENS_MAX })
  const stop = values.text('stop')
  return {
    prompt,
    tokensMax: values.integer('max-tokens', { min: 1, max: TOKENS_MAX }) ?? 128,
    temperature: values.decimal('temperature', { min: 0, max: 10 }) ?? 0.8,
    topP: values.decimal('top-p', { min: 0, max: 1 }) ?? 1,
    repetitionPenalty: values.decimal('repetition-penalty', { min: 0.1, max: 10 }) ?? 1,
    seed: values.text('seed') ?? '0',
    ...(topK === undefined ? {} : { topK }),
    ...(stop === undefined ? {} : { stop: [stop] })
  }
}
