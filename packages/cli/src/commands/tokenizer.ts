import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MeshError } from '@gradmesh/core'
import { linesOf, openTokenizer, trainBpe } from '@gradmesh/data'
import { cannotWrite, writeWhole } from '@gradmesh/peer'
import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { bytes, count, seconds } from '../format.ts'

const VOCABULARY = { min: 256, max: 1_000_000 }

export const command: Command = {
  name: 'tokenizer',
  args: [{ name: 'train', required: true }],
  about:
    'Learns a byte-level BPE from text files: any text has tokens and comes back from them, byte for byte. The result is a tokenizer.json as Hugging Face has it. The same files and options give the same file, whatever the order of their lines.',
  options: {
    files: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      help: 'text, may be packed by gzip; may be repeated'
    },
    vocab: {
      type: 'string',
      value: 'N',
      help: 'tokens, 256 bytes and special ones among them',
      default: '8192'
    },
    special: {
      type: 'string',
      value: 'TOKEN',
      multiple: true,
      help: 'special token, the first ids; may be repeated; none when empty',
      mayBeEmpty: true,
      default: '<|endoftext|>'
    },
    lowercase: { type: 'boolean', help: 'fold all text to lower case, which then does not come back' },
    out: { type: 'string', value: 'FILE', help: 'what to write', default: 'tokenizer.json' }
  },
  examples: [
    'gradmesh tokenizer train --files input.txt --vocab 4096 --out tokenizer.json',
    'gradmesh tokenizer train --files a.txt,b.txt.gz --special "[PAD]" --special "[UNK]" --json'
  ],
  async run({ values, args, io }) {
    if (args[0] !== 'train')
      throw usage(
        'ARGUMENT',
        `"${args[0]}" is nothing that a tokenizer does`,
        'try `gradmesh tokenizer train`'
      )
    const files = values.texts('files')
    if (files.length === 0) throw usage('OPTION', '--files is missing', 'name text files')
    const out = values.text('out') ?? 'tokenizer.json'
    // Learning may take many minutes: what can't be written is said before.
    await access(dirname(resolve(out)), constants.W_OK).catch(cause => {
      throw cannotWrite('TOKENIZER_WRITE', out, cause)
    })
    const sizes = await Promise.all(files.map(async file => (await stat(file).catch(() => null))?.size ?? 0))
    const read = sizes.reduce((sum, size) => sum + size, 0)
    const startMs = performance.now()
    const json = await trainBpe(textsOf(files), {
      vocabulary: values.integer('vocab', VOCABULARY) ?? 8192,
      specials: values.texts('special').filter(token => token !== ''),
      lowercase: values.is('lowercase'),
      prefixSpace: false
    })
    const taken = (performance.now() - startMs) / 1000
    await writeWhole('TOKENIZER_WRITE', out, `${JSON.stringify(json)}\n`)
    const { vocabulary } = openTokenizer(json)
    const perSecond = read / taken
    if (io.json)
      io.print(
        JSON.stringify({
          ok: true,
          out,
          vocabulary,
          files: files.length,
          bytes: read,
          seconds: Number(taken.toFixed(3)),
          bytesPerSecond: Math.round(perSecond)
        })
      )
    else
      io.print(
        `${out}: ${count(vocabulary)} tokens from ${bytes(read)} in ${seconds(taken)} (${bytes(perSecond)}/s)`
      )
    return EXIT.ok
  }
}

/**
 * Line by line, each with its end, so that a file's size costs no memory.
 * @throws MeshError `TOKENIZER_EMPTY`, `DATA_…`
 */
async function* textsOf(files: readonly string[]): AsyncGenerator<string> {
  let isEmpty = true
  for (const file of files)
    for await (const { text } of linesOf(file)) {
      if (text !== '') isEmpty = false
      yield `${text}\n`
    }
  if (isEmpty)
    throw new MeshError('TOKENIZER_EMPTY', `there is no text in ${files.join(', ')}`, {
      remedy: 'name files that hold the text to learn from: nothing was written'
    })
}
