/* Sealing and pads as seen from JavaScript. Arguments are checked here: a wrong one throws and touches no memory. */
#include "keccak.h"
#include "fromJavaScript.h"

/* sealChains(head: Uint8Array, data: Uint8Array, isUnsealing: boolean) */
static napi_value sealChainsCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  Bytes head, data;
  bool isUnsealing;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &head) || !readBytes(env, arguments[1], &data)) return fail(env);
  if (napi_get_value_bool(env, arguments[2], &isUnsealing) != napi_ok) return fail(env);
  if (keccakLanes() == 0 || head.length != 96 || data.length % 4096 != 0) return fail(env);
  keccakSeals(head.data, data.data, data.length / 4096, isUnsealing);
  return NULL;
}

/* growPads(seeds: Uint8Array, pads: Uint8Array, recalls: Uint8Array) */
static napi_value growPadsCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  Bytes seeds, pads, recalls;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &seeds) || !readBytes(env, arguments[1], &pads)) return fail(env);
  if (!readBytes(env, arguments[2], &recalls)) return fail(env);
  const size_t nonces = seeds.length / 64;
  if (keccakLanes() == 0 || seeds.length % 64 != 0) return fail(env);
  if (pads.length != 16384 * nonces || recalls.length != 32 * nonces) return fail(env);
  keccakPads(seeds.data, nonces, pads.data, recalls.data);
  return NULL;
}

void offerPora(napi_env env, napi_value exports) {
  offer(env, exports, "sealChains", sealChainsCall);
  offer(env, exports, "growPads", growPadsCall);
}
