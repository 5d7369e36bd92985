/** Entry: reads the network's configuration, then shows the console. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { NetworkProvider } from './network/NetworkProvider.tsx'
import { router } from './shell/router.tsx'
import './style.css'

const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: 1, staleTime: 2_000, refetchOnWindowFocus: true, networkMode: 'always' },
    mutations: { networkMode: 'always' },
  },
})

const root = document.getElementById('root')
if (root)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <NetworkProvider>
          <RouterProvider router={router} />
        </NetworkProvider>
      </QueryClientProvider>
    </StrictMode>,
  )
