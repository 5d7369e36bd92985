/* The functions as seen from JavaScript. Arguments are checked here: a wrong one throws and touches no memory. */
#include "keccak.h"
#include "fromJavaScript.h"

/* lanes(): number */
static napi_value lanesCall(napi_env env, napi_callback_info info) {
  napi_value result;
  (void)info;
  napi_create_int32(env, keccakLanes(), &result);
  return result;
}

/* limitLanes(lanes: 4 | 8) */
static napi_value limitLanesCall(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t lanes;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count != 1) return fail(env);
  if (napi_get_value_int32(env, argument, &lanes) != napi_ok || (lanes != 4 && lanes != 8)) return fail(env);
  keccakLimit(lanes);
  return NULL;
}

/* hashPairs(hashes: Uint8Array, pairs: number, target: Uint8Array) */
static napi_value hashPairsCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  Bytes hashes, target;
  uint32_t pairs;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &hashes) || !readBytes(env, arguments[2], &target)) return fail(env);
  if (napi_get_value_uint32(env, arguments[1], &pairs) != napi_ok) return fail(env);
  if (keccakLanes() == 0 || hashes.length / 64 < pairs || target.length / 32 < pairs) return fail(env);
  keccakPairs(hashes.data, pairs, target.data);
  return NULL;
}

/* sectorTrees(data: Uint8Array, sectors: number, target: Uint8Array) */
static napi_value sectorTreesCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  Bytes data, target;
  uint32_t sectors;
  uint8_t scratch[32 * 1024];
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &data) || !readBytes(env, arguments[2], &target)) return fail(env);
  if (napi_get_value_uint32(env, arguments[1], &sectors) != napi_ok) return fail(env);
  if (keccakLanes() == 0 || sectors < 1 || sectors > 1024) return fail(env);
  if (data.length > 256 * (size_t)sectors || target.length < 32 * (size_t)__builtin_popcount(sectors)) return fail(env);
  keccakTrees(data.data, data.length, sectors, scratch, target.data);
  return NULL;
}

void offerCoder(napi_env env, napi_value exports);
void offerCrc32(napi_env env, napi_value exports);
void offerPora(napi_env env, napi_value exports);
void offerTensor(napi_env env, napi_value exports);

NAPI_MODULE_INIT() {
  offer(env, exports, "lanes", lanesCall);
  offer(env, exports, "limitLanes", limitLanesCall);
  offer(env, exports, "hashPairs", hashPairsCall);
  offer(env, exports, "sectorTrees", sectorTreesCall);
  offerCoder(env, exports);
  offerCrc32(env, exports);
  offerPora(env, exports);
  offerTensor(env, exports);
  return exports;
}
