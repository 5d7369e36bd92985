/* Sealing and pads as seen from JavaScript. Arguments are checked here: a wrong one throws and touches no memory. */
#define NAPI_VERSION 8
#include "keccak.h"
#include <node_api.h>

typedef struct {
  uint8_t *data;
  size_t length;
} Bytes;

static napi_value fail(napi_env env) {
  napi_throw_type_error(env, "native/arguments", "wrong arguments for a native kernel");
  return NULL;
}

static int readBytes(napi_env env, napi_value value, Bytes *bytes) {
  napi_typedarray_type type;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return 0;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, (void **)&bytes->data, NULL, NULL) != napi_ok) return 0;
  return type == napi_uint8_array;
}

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
  const struct {
    const char *name;
    napi_callback call;
  } offers[] = {{"sealChains", sealChainsCall}, {"growPads", growPadsCall}};
  for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
    napi_value function;
    napi_create_function(env, offers[i].name, NAPI_AUTO_LENGTH, offers[i].call, NULL, &function);
    napi_set_named_property(env, exports, offers[i].name, function);
  }
}
