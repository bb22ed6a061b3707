/**
 * docs/reference is made of the tables that the programs themselves follow: routes, commands, metrics, the
 * genesis and the options of a peer. `node test/tidy/reference.ts` writes it; a tidy test compares.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './errors.ts'
import { commandsPage } from './reference/commands.ts'
import { genesisPage } from './reference/genesis.ts'
import { httpPage } from './reference/http.ts'
import { metricsPage } from './reference/metrics.ts'

/** By path from the root. */
export const referencePages = async (): Promise<ReadonlyMap<string, string>> =>
  new Map([
    ['docs/reference/commands.md', await commandsPage()],
    ['docs/reference/http.md', httpPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/genesis.md', genesisPage()]
  ])

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, text] of await referencePages()) writeFileSync(join(root, path), text)
