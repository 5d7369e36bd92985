/** How weights are written into a file. */
export type ExportType = 'F32' | 'F16' | 'Q8_0'
