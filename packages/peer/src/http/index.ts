export { type HttpLimits, httpLimits } from './limits.ts'
export { PrometheusMetrics } from './metrics.ts'
export { createHttpServer, type HttpServer, type HttpServerOptions, type StaticFiles } from './server.ts'
export type { Answer, HealthReport, PeerView } from './view.ts'
