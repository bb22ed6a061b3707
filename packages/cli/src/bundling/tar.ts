/** A tar archive of small text files (POSIX ustar), as every system can open it. */

const BLOCK = 512

export interface Entry {
  /** ASCII, at most 100 letters. */
  readonly name: string
  readonly text: string
}

export const tarOf = (entries: readonly Entry[], seconds: number): Buffer =>
  Buffer.concat([
    ...entries.flatMap(({ name, text }) => {
      const body = Buffer.from(text)
      const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)
      return [header(name, body.length, seconds), body, padding]
    }),
    Buffer.alloc(2 * BLOCK)
  ])

const header = (name: string, size: number, seconds: number): Buffer => {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  block.write(name, 0, 100, 'latin1')
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(Math.floor(seconds), 136, 12)
  block.fill(' ', 148, 156)
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
