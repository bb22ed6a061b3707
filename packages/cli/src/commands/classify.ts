import { linesOf } from '@gradmesh/data'
import { able, type Classified, type OpenPlace } from '@gradmesh/train'
import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { finalModelOptions, inferenceOf, openFinalModel, stateLine } from '../final-model.ts'
import { percent } from '../format.ts'

/** Texts that are asked about at once. */
const SOME = 64
/** Classes that are told of each text. */
const CLASSES_TOLD = 5

export const command: Command = {
  name: 'classify',
  args: [{ name: 'TEXT', required: false, many: true }],
  about:
    "What the model of the folder's newest final weights says of each TEXT, or of each line of a file: its class with its share (task sequences), the named entities in it (task entities), or the likeliest pieces where it says [MASK] (task masked). The peer must not be running.",
  options: {
    ...finalModelOptions,
    file: { type: 'string', value: 'FILE', help: 'a text a line; may be packed by gzip' }
  },
  examples: [
    "gradmesh classify 'a film of rare beauty' --data ./peer --dataset ./text-polarity",
    'gradmesh classify --file reviews.txt --json',
    "gradmesh classify 'it is a [MASK] universally acknowledged' --dataset ./novel"
  ],
  async run({ values, args, io }) {
    const file = values.text('file')
    if (args.length === 0 && file === undefined)
      throw usage('ARGUMENT', 'there is nothing to classify', 'give texts, or --file FILE')
    await using model = await openFinalModel(values)
    const inference = await inferenceOf(model)
    const classify = able(model.task.id, inference, 'classify')
    let count = 0
    for await (const texts of inParts(args, file)) {
      const found = await classify(texts)
      found.forEach((each, i) => {
        io.print(io.json ? JSON.stringify({ text: texts[i], ...fieldsOf(each) }) : tell(texts[i]!, each))
      })
      count += texts.length
    }
    inference?.free()
    if (io.json) io.print(JSON.stringify({ ok: true, task: model.task.id, ...model.state, texts: count }))
    else io.note(`${count} texts; ${stateLine(model)}`)
    return EXIT.ok
  }
}

async function* inParts(args: readonly string[], file: string | undefined): AsyncGenerator<string[]> {
  let part: string[] = []
  for await (const text of textsOf(args, file)) {
    if (part.push(text) < SOME) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

async function* textsOf(args: readonly string[], file: string | undefined): AsyncGenerator<string> {
  yield* args
  if (file === undefined) return
  for await (const { text } of linesOf(file)) yield text
}

const fieldsOf = (found: Classified): object => {
  switch (found.kind) {
    case 'entities':
      return { entities: found.entities }
    case 'places':
      return { places: found.places }
    case 'classes':
      return { label: found.classes[0]?.label, classes: found.classes.slice(0, CLASSES_TOLD) }
  }
}

/** Quoted, for a leading space is part of a piece: it begins a word. */
const placeLine = ({ pieces }: OpenPlace): string =>
  `  ${pieces
    .slice(0, CLASSES_TOLD)
    .map(({ label, share }) => `"${label}" ${percent(share, 1)}`)
    .join('  ')}`

const tell = (text: string, found: Classified): string => {
  if (found.kind === 'classes') {
    const [first] = found.classes
    return `${first!.label}  ${percent(first!.share, 1)}  ${text}`
  }
  if (found.kind === 'places') return [text, ...found.places.map(placeLine)].join('\n')
  const entities = found.entities.map(({ type, text: words }) => `  ${type}  ${words}`)
  return [text, ...entities].join('\n')
}
