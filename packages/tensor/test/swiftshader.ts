/**
 * The tests that ask for exact bits, and the gradients, once more on SwiftShader: the same hashes from
 * another compiler with subgroups of another size. Each in a process of its own, since a driver is
 * chosen before the runtime loads.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { swiftshader } from './support/swiftshader.ts'

const FILES = ['matmul-bits.ts', 'rows-bits.ts', 'math.ts', 'gradients.ts']

t.setTimeout(240_000)

for (const file of FILES) {
  const skip = swiftshader === undefined ? 'no SwiftShader: apt install chromium' : false
  t.test(file, { skip }, async t => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, file)], {
      env: { ...process.env, VK_DRIVER_FILES: swiftshader!, TAP_TIMEOUT: '200' },
      maxBuffer: 2 ** 26
    }).catch(({ stdout }: { stdout?: string }) => ({ stdout: stdout ?? '' }))
    t.match(stdout, /^ok \d+ - SwiftShader/m, 'ran on SwiftShader')
    t.strictSame(stdout.match(/^ *not ok.*$/gm), null, 'and nothing failed')
    t.notMatch(stdout, /# SKIP/, 'or was left out')
  })
}
