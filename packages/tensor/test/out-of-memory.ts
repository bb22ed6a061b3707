/**
 * A GPU that really has no memory left. SwiftShader tells so when the process may take no more, hence
 * it is the adapter here; lavapipe does not look (`src/device.ts`).
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { swiftshader } from './support/swiftshader.ts'

t.setTimeout(120_000)

const skip =
  swiftshader === undefined
    ? 'no SwiftShader: apt install chromium'
    : existsSync('/usr/bin/prlimit')
      ? false
      : 'no prlimit: apt install util-linux'

t.test('a typed error, and the adapter opens again', { skip }, async t => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'support/starved.ts'), 'SwiftShader'],
    { env: { ...process.env, VK_DRIVER_FILES: swiftshader! } }
  )
  const seen = JSON.parse(stdout.trim().split('\n').at(-1)!)
  t.match(seen, { code: 'GPU_OUT_OF_MEMORY', remedy: /smaller batch/, before: 5, after: 5 })
  t.ok(seen.arrays > 1 && seen.arrays < 64, `${seen.arrays} arrays of 64 MiB fitted`)
})
