/* The coder as seen from JavaScript. Arguments are checked here: a wrong one throws and touches no memory. */
#include "coder.h"
#include "fromJavaScript.h"
#include <stdlib.h>

/* The number of rows, or 0 where something is wrong. */
static uint32_t readRows(napi_env env, napi_value value, uint8_t **rows, size_t *lengths) {
  uint32_t count;
  bool is = false;
  if (napi_is_array(env, value, &is) != napi_ok || !is || napi_get_array_length(env, value, &count) != napi_ok) return 0;
  if (count > ROWS_MAX) return 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_value row;
    Bytes bytes;
    if (napi_get_element(env, value, i, &row) != napi_ok || !readBytes(env, row, &bytes)) return 0;
    rows[i] = bytes.data;
    lengths[i] = bytes.length;
  }
  return count;
}

static Factor *makeFactors(Bytes products, size_t count) {
  Factor *factors = products.length == 16 * count ? aligned_alloc(64, count * sizeof(Factor)) : NULL;
  for (size_t i = 0; factors && i < count; i++) coderFactor((const uint16_t *)products.data + 16 * i, factors + i);
  return factors;
}

/* hasCoder(): boolean */
static napi_value hasCoderCall(napi_env env, napi_callback_info info) {
  napi_value result;
  (void)info;
  napi_get_boolean(env, coderIsThere(), &result);
  return result;
}

/* multiplyRows(sources: Uint8Array[], products: Uint16Array, targets: Uint8Array[]) */
static napi_value multiplyRowsCall(napi_env env, napi_callback_info info) {
  size_t count = 3, lengths[2 * ROWS_MAX];
  napi_value arguments[3];
  Bytes products;
  uint8_t *sources[ROWS_MAX], *targets[ROWS_MAX];
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  const uint32_t sourceCount = readRows(env, arguments[0], sources, lengths);
  const uint32_t targetCount = readRows(env, arguments[2], targets, lengths + sourceCount);
  if (!coderIsThere() || sourceCount == 0 || targetCount == 0 || lengths[0] % 64 != 0) return fail(env);
  for (uint32_t i = 1; i < sourceCount + targetCount; i++) if (lengths[i] != lengths[0]) return fail(env);
  if (!readArray(env, arguments[1], napi_uint16_array, &products)) return fail(env);
  Factor *factors = makeFactors(products, (size_t)sourceCount * targetCount);
  if (!factors) return fail(env);
  const int done =
      coderMultiply((const uint8_t *const *)sources, sourceCount, factors, targets, targetCount, lengths[0]);
  free(factors);
  return done ? NULL : fail(env);
}

/* combineRows(rows: Uint8Array[], challenge, exponents, logarithms: Uint16Array, combinations: Uint8Array) */
static napi_value combineRowsCall(napi_env env, napi_callback_info info) {
  size_t count = 5, lengths[ROWS_MAX];
  napi_value arguments[5];
  Bytes challenge, exponents, logarithms, combinations;
  uint8_t *rows[ROWS_MAX];
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 5) return fail(env);
  const uint32_t rowCount = readRows(env, arguments[0], rows, lengths);
  if (rowCount == 0 || !coderIsThere()) return fail(env);
  if (!readArray(env, arguments[1], napi_uint16_array, &challenge) || challenge.length != 8) return fail(env);
  if (!readArray(env, arguments[2], napi_uint16_array, &exponents) || exponents.length != 65536) return fail(env);
  if (!readArray(env, arguments[3], napi_uint16_array, &logarithms) || logarithms.length != 65536) return fail(env);
  if (!readBytes(env, arguments[4], &combinations)) return fail(env);
  if (combinations.length != 16 * (size_t)rowCount) return fail(env);
  const Field field = {(const uint16_t *)exponents.data, (const uint16_t *)logarithms.data};
  coderCombine((const uint8_t *const *)rows, lengths, rowCount, (const uint16_t *)challenge.data, &field,
               combinations.data);
  return NULL;
}

/* leafPair(a: Uint8Array, b: Uint8Array, hashes: Uint8Array) */
static napi_value leafPairCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  Bytes a, b, hashes;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &a) || !readBytes(env, arguments[1], &b)) return fail(env);
  if (!readBytes(env, arguments[2], &hashes)) return fail(env);
  if (a.length != b.length || hashes.length != 64 || !coderIsThere()) return fail(env);
  coderLeafPair(a.data, b.data, a.length, hashes.data);
  return NULL;
}

void offerCoder(napi_env env, napi_value exports) {
  offer(env, exports, "hasCoder", hasCoderCall);
  offer(env, exports, "multiplyRows", multiplyRowsCall);
  offer(env, exports, "combineRows", combineRowsCall);
  offer(env, exports, "leafPair", leafPairCall);
}
