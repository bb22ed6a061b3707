/** The state thread. What it does: state-table.ts. */

import { serve } from '../worker-rpc.ts'
import { makeStateTable } from './state-table.ts'

serve(makeStateTable())
