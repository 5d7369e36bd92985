/** Entry of `weightless-verify.html`: the checks alone, in one file that opens from disk and reaches no network. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Checker } from '../pages/verify/Checker.tsx'
import { PageHead } from '../parts/PageHead.tsx'
import { Wordmark } from '../parts/Wordmark.tsx'
import '../style.css'

const queryClient = new QueryClient({ defaultOptions: { queries: { networkMode: 'always' } } })

const root = document.getElementById('root')
if (root)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <header className="border-line border-b">
          <div className="mx-auto flex h-15 max-w-[70rem] items-center px-5 sm:px-8">
            <Wordmark />
          </div>
        </header>
        <main className="mx-auto w-full max-w-[70rem] px-5 pt-10 pb-24 sm:px-8 sm:pt-14">
          <PageHead title="Verify">
            Drop the receipt of an answer or the verdict on one, and the model’s file. This browser computes it again.
            This page can reach no network.
          </PageHead>
          <Checker />
        </main>
      </QueryClientProvider>
    </StrictMode>,
  )
