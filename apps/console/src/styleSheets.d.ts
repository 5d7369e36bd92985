/** Lets TypeScript accept style sheets, which Vite bundles. */
declare module '*.css'
