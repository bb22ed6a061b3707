/** Where a command writes: answers to standard output, everything said along the way to standard error. */
export interface Io {
  /** One line, or several, of the answer. */
  print(text: string): void
  /** Part of a line of the answer, as soon as it is there. */
  write(text: string): void
  /** Progress, hints, errors. */
  note(text: string): void
  /** Raw text to standard error, for a line that is drawn over itself. */
  draw(text: string): void
  /** Answers are JSON. */
  readonly json: boolean
  /** Standard error is a terminal whose lines can be drawn over. */
  readonly live: boolean
  readonly colour: boolean
  readonly columns: () => number
  readonly rows: () => number
  /** Calls `listener` whenever the terminal has another size. */
  readonly onResize: (listener: () => void) => void
}

/** A reader that leaves early (`gradmesh blocks | head`) is not an error. */
const tolerateClosedPipe = (stream: NodeJS.WriteStream): void => {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(process.exitCode ?? 0)
  })
}

export const processIo = (json: boolean): Io => {
  const { stdout, stderr, env } = process
  tolerateClosedPipe(stdout)
  tolerateClosedPipe(stderr)
  const plain = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  return {
    print: text => void stdout.write(`${text}\n`),
    write: text => void stdout.write(text),
    note: text => void stderr.write(`${text}\n`),
    draw: text => void stderr.write(text),
    json,
    live: stderr.isTTY === true && env.TERM !== 'dumb',
    colour: stderr.isTTY === true && !plain,
    columns: () => stderr.columns || 100,
    rows: () => stderr.rows || 40,
    onResize: listener => void stderr.on('resize', listener)
  }
}

const painted =
  (on: number, off: number) =>
  (text: string, { colour }: Pick<Io, 'colour'>): string =>
    colour ? `\u001b[${on}m${text}\u001b[${off}m` : text

export const bold = painted(1, 22)
export const dim = painted(2, 22)
export const red = painted(31, 39)
export const green = painted(32, 39)
export const yellow = painted(33, 39)
