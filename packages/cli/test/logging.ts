import { readFile } from 'node:fs/promises'
import t from 'tap'
import { logFile, openLog } from '../src/logging.ts'
import { FakeIo } from './fixtures/io.ts'

for (const json of [false, true]) {
  t.test(`what the command tells itself, ${json ? 'with --json' : 'on a terminal'}`, async t => {
    const folder = t.testdir()
    const io = new FakeIo({ json })
    const { logger, flush } = openLog(folder, 'info', io)
    logger.error({ code: 'STORE_CORRUPT', told: true }, 'the peer stops')
    logger.child({ part: 'net' }).warn({ peer: 'ab' }, 'a peer left')
    flush()
    const said = io.noted.join('\n')
    t.match(said, 'a peer left')
    t.equal(said.includes('STORE_CORRUPT'), json)
    const lines = (await readFile(logFile(folder), 'utf8')).trim().split('\n')
    t.match(
      lines.map(line => JSON.parse(line)).map(({ msg }) => msg),
      ['the peer stops', 'a peer left']
    )
  })
}
