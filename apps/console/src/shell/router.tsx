/** Which address shows which page; every page but the frame is fetched when it is first visited. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { PageError } from '../parts/PageError.tsx'
import { PageLoading } from '../parts/PageLoading.tsx'
import { NotFound } from './NotFound.tsx'
import { Shell } from './Shell.tsx'

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFound })

const routes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    component: lazyRouteComponent(() => import('../pages/overview/Overview.tsx'), 'Overview'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/files',
    component: lazyRouteComponent(() => import('../pages/files/Files.tsx'), 'Files'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/storage',
    component: lazyRouteComponent(() => import('../pages/storage/Storage.tsx'), 'Storage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/chat',
    component: lazyRouteComponent(() => import('../pages/chat/Chat.tsx'), 'Chat'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/verify',
    component: lazyRouteComponent(() => import('../pages/verify/Verify.tsx'), 'Verify'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/market',
    component: lazyRouteComponent(() => import('../pages/market/Market.tsx'), 'Market'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/finetune',
    component: lazyRouteComponent(() => import('../pages/finetune/FineTune.tsx'), 'FineTune'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audits',
    component: lazyRouteComponent(() => import('../pages/audits/Audits.tsx'), 'Audits'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/account',
    component: lazyRouteComponent(() => import('../pages/account/Account.tsx'), 'Account'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/blocks',
    component: lazyRouteComponent(() => import('../pages/blocks/Blocks.tsx'), 'Blocks'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/block/$block',
    component: lazyRouteComponent(() => import('../pages/blocks/BlockDetail.tsx'), 'BlockDetail'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/tx/$hash',
    component: lazyRouteComponent(() => import('../pages/blocks/TransactionDetail.tsx'), 'TransactionDetail'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/address/$address',
    component: lazyRouteComponent(() => import('../pages/blocks/AddressDetail.tsx'), 'AddressDetail'),
  }),
] as const

export const router = createRouter({
  routeTree: rootRoute.addChildren(routes),
  defaultPreload: 'intent',
  defaultPendingComponent: PageLoading,
  defaultErrorComponent: PageError,
  defaultPendingMs: 150,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
