/** The look at the adapters as a process of its own: `adapter-beside.ts` starts it. */
import { checkAdapter } from './adapter.ts'
import { guarded } from './checks.ts'

const [wanted] = process.argv.slice(2)
const checks = await guarded('adapter', () => checkAdapter(wanted ?? null))
process.send?.(checks, undefined, undefined, () => process.exit(0))
