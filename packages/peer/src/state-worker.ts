/** The state thread. What it does: state-table.ts. */
import { makeStateTable } from './state-table.ts'
import { serve } from './worker-rpc.ts'

serve(makeStateTable())
