export { dashboardFiles, type PageFile } from './files.ts'
