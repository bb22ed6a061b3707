/**
 * Run inside a network namespace: `doorway.ts SOCKET`. A connection to the Unix socket begins with a line that
 * names a TCP port; the rest is joined to that port of 127.0.0.1 here.
 */
import { connect, createServer } from 'node:net'

const PORT_CHARS_MAX = 6
const [path = ''] = process.argv.slice(2)

const server = createServer(outer => {
  let head = ''
  const onData = (bytes: Buffer): void => {
    head += bytes.toString('latin1')
    const end = head.indexOf('\n')
    if (end < 0 && head.length <= PORT_CHARS_MAX) return
    outer.off('data', onData)
    outer.pause()
    const inner = connect({ host: '127.0.0.1', port: Number(head.slice(0, end)) })
    inner.write(head.slice(end + 1), 'latin1')
    outer.pipe(inner).pipe(outer)
    inner.once('error', () => outer.destroy())
    inner.once('close', () => outer.destroy())
    outer.once('close', () => inner.destroy())
  }
  outer.on('data', onData)
  outer.on('error', () => outer.destroy())
})
server.listen(path, () => process.stdout.write('open\n'))
