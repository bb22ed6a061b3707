/** Runs tap over files and tells what a reader wants of its output: a line a file, and what failed. */
import { join } from 'node:path'
import { runLines } from './process.ts'

export interface Totals {
  passed: number
  failed: number
  skipped: number
}

export interface TapOptions {
  readonly jobs: number
  /** For one file. */
  readonly timeoutSeconds: number
}

export const runTap = async (
  root: string,
  files: readonly string[],
  { jobs, timeoutSeconds }: TapOptions
): Promise<Totals> => {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 }
  const words = ['--reporter=tap', `--jobs=${jobs}`, `--timeout=${timeoutSeconds}`, ...files]
  const reader = new TapReader(line => console.log(line))
  const code = await runLines(join(root, 'node_modules', '.bin', 'tap'), words, root, line =>
    reader.read(line)
  )
  return reader.totals(code)
}

const FILE_END = /^(ok|not ok) \d+ - (.*?)(?: # time=(\S+))?(?: \{)?$/
/** The summary is JavaScript notation, not JSON: `# { total: 24, pass: 22, fail: 1, skip: 1 }`. */
const SUMMARY = /^# \{ (total: .*) \}$/
const HIDDEN = /# (?:SKIP|TODO)\b/i

/** Reads TAP 14 line by line. With several jobs tap still gives each file's lines together. */
export class TapReader {
  readonly #print: (line: string) => void
  #lines: string[] = []
  #afterFailure = false
  #summary: Readonly<Record<string, number>> | undefined

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  read(line: string): void {
    if (this.#isOwnBlock(line)) return
    const summary = SUMMARY.exec(line)
    if (summary !== null) this.#summary = Object.fromEntries(summary[1]!.split(', ').map(entryOf))
    const end = FILE_END.exec(line)
    if (end === null) {
      this.#lines.push(line)
      return
    }
    const [, verdict = '', name = '', time] = end
    this.#print(`${verdict.padEnd(6)} ${name}${time === undefined ? '' : ` (${time})`}`)
    for (const skipped of this.#lines.filter(each => /^\s+ok .*# SKIP/i.test(each)))
      this.#print(`       ${skipped.trim()}`)
    if (verdict === 'not ok') for (const failure of failuresIn(this.#lines)) this.#print(`       ${failure}`)
    this.#lines = []
    this.#afterFailure = verdict === 'not ok'
  }

  /** What tap says of a failed file itself (a timeout, an exit code) comes after its verdict, indented by two. */
  #isOwnBlock(line: string): boolean {
    if (!this.#afterFailure || !line.startsWith('  ') || line.startsWith('    #')) {
      this.#afterFailure = false
      return false
    }
    if (/^ {2}(exitCode|signal|expired):/.test(line)) this.#print(`     ${line}`)
    this.#afterFailure = line !== '  ...'
    return true
  }

  /** A run that ended badly without a failed assertion, or without a word, has failed once. */
  totals(exitCode: number): Totals {
    const { pass = 0, fail = 0, skip = 0, todo = 0 } = this.#summary ?? {}
    if (exitCode !== 0 && fail === 0) for (const line of this.#lines.slice(-20)) this.#print(line)
    return { passed: pass, failed: exitCode !== 0 && fail === 0 ? 1 : fail, skipped: skip + todo }
  }
}

const entryOf = (text: string): [string, number] => {
  const [name = '', value = ''] = text.split(': ')
  return [name, Number(value)]
}

/** Failed assertions, each with the YAML block under it, outermost indentation kept. */
const failuresIn = (lines: readonly string[]): string[] => {
  const shown: string[] = []
  let inside: 'no' | 'head' | 'block' = 'no'
  for (const line of lines) {
    if (/^\s+not ok /.test(line)) {
      inside = HIDDEN.test(line) ? 'no' : 'head'
      if (inside === 'head') shown.push(line)
    } else if (inside === 'head' && line.trim() === '---') {
      inside = 'block'
    } else if (inside === 'block' && line.trim() === '...') {
      inside = 'no'
    } else if (inside === 'block') {
      shown.push(line)
    }
  }
  return shown
}

export const totalsLine = ({ passed, failed, skipped }: Totals): string =>
  `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
