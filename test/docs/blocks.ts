/**
 * Reads the commands of a Markdown page: its fenced `sh` blocks and what they show. What a block needs stands
 * behind the `sh`, where no reader sees it:
 *
 *     background        goes on; the block after it shows what is waited for
 *     on=NAME           on another machine: a home, a folder and ports of its own
 *     keeps=NAME        the last word-like line of its output stands for the word NAME from then on
 *     soon              again and again until it shows what the block after it shows
 *     exits=N           with this exit code
 *     tested-by=FILE    another test runs it; here it is only checked that what it names is there
 *     long              too long for a test: as above
 *
 * A `text` block right behind a block is its output: its lines occur in this order, `…` stands for anything.
 * `<!-- Ctrl-C -->` and `<!-- Ctrl-C on NAME -->` end what goes on. Pages with the same `<!-- scene: NAME -->`
 * share their machines, in the order of the index.
 */
import { assert } from '@gradmesh/core'

export interface Block {
  readonly line: number
  readonly script: string
  readonly machine: string
  readonly background: boolean
  readonly soon: boolean
  readonly keeps: string | null
  readonly exits: number
  /** A file, or "long". */
  readonly elsewhere: string | null
  /** Lines of the output; null when the page shows none. */
  readonly shows: readonly string[] | null
}

export interface Interrupt {
  readonly line: number
  readonly interrupts: string
}

export type Step = Block | Interrupt

export interface Page {
  readonly scene: string | null
  readonly steps: readonly Step[]
}

export const HERE = 'here'
const FLAGS = new Set(['background', 'soon', 'long'])
const SETTINGS = new Set(['on', 'keeps', 'exits', 'tested-by'])

export const readPage = (text: string): Page => {
  const steps: Step[] = []
  let scene: string | null = null
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    scene = /^<!-- scene: (.+) -->$/.exec(line)?.[1] ?? scene
    const ctrlC = /^<!-- Ctrl-C(?: on (\S+))? -->$/.exec(line)
    if (ctrlC !== null) steps.push({ line: at + 1, interrupts: ctrlC[1] ?? HERE })
    const fence = /^( *)```(\w*) ?(.*)$/.exec(line)
    if (fence === null) continue
    const [, indent = '', language, info = ''] = fence
    const end = closing(lines, at, indent)
    if (language === 'sh') steps.push(blockOf(lines, at, end, indent, info))
    at = end
  }
  return { scene, steps }
}

const closing = (lines: readonly string[], at: number, indent: string): number => {
  const end = lines.indexOf(`${indent}\`\`\``, at + 1)
  assert(end > at, `the fence in line ${at + 1} is closed`)
  return end
}

const inside = (lines: readonly string[], at: number, end: number, indent: string): string[] =>
  lines.slice(at + 1, end).map(line => line.slice(indent.length))

const blockOf = (lines: readonly string[], at: number, end: number, indent: string, info: string): Block => {
  const words = info.split(' ').filter(word => word !== '')
  const settings = new Map<string, string | undefined>(
    words.map(word => [word.split('=')[0]!, word.split('=')[1]])
  )
  for (const [name, value] of settings)
    assert(
      value === undefined ? FLAGS.has(name) : SETTINGS.has(name),
      `line ${at + 1}: "${name}" means nothing behind sh`
    )
  return {
    line: at + 1,
    script: inside(lines, at, end, indent).join('\n'),
    machine: settings.get('on') ?? HERE,
    background: settings.has('background'),
    soon: settings.has('soon'),
    keeps: settings.get('keeps') ?? null,
    exits: Number(settings.get('exits') ?? 0),
    elsewhere: settings.has('long') ? 'long' : (settings.get('tested-by') ?? null),
    shows: shownBelow(lines, end, indent)
  }
}

/** Only blank lines may stand between a command and what it shows. */
const shownBelow = (lines: readonly string[], end: number, indent: string): string[] | null => {
  let at = end + 1
  while (lines[at]?.trim() === '') at++
  if (lines[at] !== `${indent}\`\`\`text`) return null
  return inside(lines, at, closing(lines, at, indent), indent)
}

/** One command a line, continued lines joined, comments left out. */
export const commandsIn = (script: string): string[] =>
  script
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map(line => line.replace(/(^|\s+)#.*$/, '').trim())
    .filter(line => line !== '')
