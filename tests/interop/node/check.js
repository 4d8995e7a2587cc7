/*
 * check - what a Node program does with a token through pkcs11js, each thing checked by Node's own
 * crypto where it can.  One line for each: "ok NAME" or "FAIL NAME: why".
 *
 * usage: node check.js MODULE PIN        pkcs11js is looked for beside the working folder's node_modules
 */
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const p11 = require(require.resolve('pkcs11js', { paths: [process.cwd()] }));
const { setImmediate: breathe } = require('timers/promises');

const [, , path, pin] = process.argv;
const module11 = new p11.PKCS11();
const message = crypto.randomBytes(5000);
let session;

async function check(name, f) {
	try {
		await f();
		console.log(`ok ${name}`);
	} catch (e) {
		process.exitCode = 1;
		console.log(`FAIL ${name}: ${e.message.split('\n')[0]} ${(e.stack || '').split('\n').filter(l => l.includes('check.js'))[0] || ''}`);
	}
}

const mech = (mechanism, parameter) => ({ mechanism, parameter });
const attrs = (o) => Object.entries(o).map(([name, value]) => ({ type: p11[`CKA_${name}`], value }));
const get = (object, name) => module11.C_GetAttributeValue(session, object, [{ type: p11[`CKA_${name}`] }])[0].value;
const sha256 = (data) => crypto.createHash('sha256').update(data).digest();

function refused(code, f) {
	assert.throws(f, (e) => {
		assert.strictEqual(e.code, code, `${e.message}, not code 0x${code.toString(16)}`);
		return true;
	});
}

function ecPair(oid) {
	return module11.C_GenerateKeyPair(session, mech(p11.CKM_EC_KEY_PAIR_GEN),
		attrs({ EC_PARAMS: Buffer.from(oid, 'hex'), VERIFY: true, TOKEN: false, LABEL: 'ec' }),
		attrs({ SIGN: true, DERIVE: true, TOKEN: false, PRIVATE: true, LABEL: 'ec', ID: Buffer.from('e1', 'hex') }));
}

/* A public key of the token as Node's. */
function ecOutside(key) {
	const head = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
	const point = get(key, 'EC_POINT');
	return crypto.createPublicKey({ key: Buffer.concat([head, point.subarray(3)]), format: 'der', type: 'spki' });
}

function rsaOutside(key) {
	return crypto.createPublicKey({ format: 'jwk', key: { kty: 'RSA',
		n: get(key, 'MODULUS').toString('base64url'), e: get(key, 'PUBLIC_EXPONENT').toString('base64url') } });
}

function sign(mechanism, key, data, size) {
	module11.C_SignInit(session, mechanism, key);
	return module11.C_Sign(session, data, Buffer.alloc(size));
}

function encrypt(mechanism, key, data, room) {
	module11.C_EncryptInit(session, mechanism, key);
	return module11.C_Encrypt(session, data, Buffer.alloc(room));
}

function decrypt(mechanism, key, data, room) {
	module11.C_DecryptInit(session, mechanism, key);
	return module11.C_Decrypt(session, data, Buffer.alloc(room));
}

function secret(type, value, more) {
	return module11.C_CreateObject(session, attrs({ CLASS: p11.CKO_SECRET_KEY, KEY_TYPE: type, VALUE: value,
		TOKEN: false, ...more }));
}

/* What one can do before a login, and what not. */
function beginning() {
	assert.match(module11.C_GetInfo().manufacturerID, /^Inro */);
	const slot = module11.C_GetSlotList(true)[0];
	assert.match(module11.C_GetTokenInfo(slot).label, /^t1 *$/);
	assert(module11.C_GetMechanismList(slot).includes(p11.CKM_ECDSA));
	session = module11.C_OpenSession(slot, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION);
	refused(p11.CKR_PIN_INCORRECT, () => module11.C_Login(session, p11.CKU_USER, 'wrong'));
	module11.C_Login(session, p11.CKU_USER, pin);
	refused(p11.CKR_USER_ALREADY_LOGGED_IN, () => module11.C_Login(session, p11.CKU_USER, pin));
	assert.strictEqual(module11.C_GetSessionInfo(session).state, 3);
	refused(p11.CKR_SESSION_HANDLE_INVALID, () => module11.C_GetSessionInfo(Buffer.alloc(8, 0xee)));
}

async function signatures() {
	const ec = ecPair('06082a8648ce3d030107');
	await check('ECDSA', () => {
		const sig = sign(mech(p11.CKM_ECDSA), ec.privateKey, sha256(message), 64);
		assert(crypto.verify('sha256', message, { key: ecOutside(ec.publicKey), dsaEncoding: 'ieee-p1363' }, sig));
		module11.C_VerifyInit(session, mech(p11.CKM_ECDSA), ec.publicKey);
		assert(module11.C_Verify(session, sha256(message), sig));
		sig[9] ^= 1;
		module11.C_VerifyInit(session, mech(p11.CKM_ECDSA), ec.publicKey);
		refused(p11.CKR_SIGNATURE_INVALID, () => module11.C_Verify(session, sha256(message), sig));
	});
	await check('ECDSA in parts, without waiting', async () => {
		module11.C_SignInit(session, mech(p11.CKM_ECDSA_SHA256), ec.privateKey);
		module11.C_SignUpdate(session, message.subarray(0, 1000));
		module11.C_SignUpdate(session, message.subarray(1000));
		const sig = await module11.C_SignFinalAsync(session, Buffer.alloc(64));
		assert(crypto.verify('sha256', message, { key: ecOutside(ec.publicKey), dsaEncoding: 'ieee-p1363' }, sig));
	});
	const rsa = module11.C_GenerateKeyPair(session, mech(p11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		attrs({ MODULUS_BITS: 2048, PUBLIC_EXPONENT: Buffer.from([1, 0, 1]), VERIFY: true, ENCRYPT: true }),
		attrs({ SIGN: true, DECRYPT: true }));
	const outside = rsaOutside(rsa.publicKey);
	await check('RSA', () => {
		const sig = sign(mech(p11.CKM_SHA256_RSA_PKCS), rsa.privateKey, message, 256);
		assert(crypto.verify('sha256', message, outside, sig));
	});
	await check('RSA PSS', () => {
		const params = { type: p11.CK_PARAMS_RSA_PSS, hashAlg: p11.CKM_SHA256, mgf: p11.CKG_MGF1_SHA256, saltLen: 32 };
		const sig = sign(mech(p11.CKM_SHA256_RSA_PKCS_PSS, params), rsa.privateKey, message, 256);
		assert(crypto.verify('sha256', message, { key: outside, saltLength: 32,
			padding: crypto.constants.RSA_PKCS1_PSS_PADDING }, sig));
	});
	await check('RSA OAEP', () => {
		const params = { type: p11.CK_PARAMS_RSA_OAEP, hashAlg: p11.CKM_SHA256, mgf: p11.CKG_MGF1_SHA256, source: 1,
			sourceData: null };
		const sealed = crypto.publicEncrypt({ key: outside, oaepHash: 'sha256' }, message.subarray(0, 40));
		const plain = decrypt(mech(p11.CKM_RSA_PKCS_OAEP, params), rsa.privateKey, sealed, 256);
		assert.deepStrictEqual(plain, message.subarray(0, 40));
	});
	await check('RSA decrypts', () => {
		const sealed = crypto.publicEncrypt({ key: outside, padding: crypto.constants.RSA_PKCS1_PADDING },
			message.subarray(0, 40));
		assert.deepStrictEqual(decrypt(mech(p11.CKM_RSA_PKCS), rsa.privateKey, sealed, 256), message.subarray(0, 40));
	});
	await check('ECDH', () => {
		const there = crypto.createECDH('prime256v1');
		const point = there.generateKeys();
		const key = module11.C_DeriveKey(session,
			mech(p11.CKM_ECDH1_DERIVE, { type: p11.CK_PARAMS_EC_DH, kdf: 1, publicData: point, sharedData: null }),
			ec.privateKey, attrs({ CLASS: p11.CKO_SECRET_KEY, KEY_TYPE: p11.CKK_GENERIC_SECRET, VALUE_LEN: 32,
				SENSITIVE: false, EXTRACTABLE: true }));
		assert.deepStrictEqual(get(key, 'VALUE'), there.computeSecret(get(ec.publicKey, 'EC_POINT').subarray(2)));
	});
	await check('a private key stays', () => {
		refused(p11.CKR_ATTRIBUTE_SENSITIVE, () => get(rsa.privateKey, 'PRIME_1'));
	});
	await check('an error code', () => {
		refused(p11.CKR_KEY_TYPE_INCONSISTENT, () =>
			module11.C_SignInit(session, mech(p11.CKM_ECDSA), rsa.privateKey));
	});
}

async function secrets() {
	const value = crypto.randomBytes(32);
	const iv = crypto.randomBytes(16);
	const uses = { ENCRYPT: true, DECRYPT: true };
	const aes = await new Promise((done) => check('C_CreateObject AES', () =>
		done(secret(p11.CKK_AES, value, uses))).then(() => done(null)));
	await check('AES-CBC', () => {
		const there = crypto.createCipheriv('aes-256-cbc', value, iv);
		const want = Buffer.concat([there.update(message), there.final()]);
		assert.deepStrictEqual(encrypt(mech(p11.CKM_AES_CBC_PAD, iv), aes, message, 6000), want);
		assert.deepStrictEqual(decrypt(mech(p11.CKM_AES_CBC_PAD, iv), aes, want, 6000), message);
	});
	await check('AES-GCM', () => {
		/* CK_PARAMS_AES_GCM leaves a field of the structure as the memory was. */
		const params = { type: p11.CK_PARAMS_AES_GCM_v240, iv: iv.subarray(0, 12), ivBits: 96, aad: Buffer.from('more'),
			tagBits: 128 };
		const there = crypto.createCipheriv('aes-256-gcm', value, iv.subarray(0, 12));
		there.setAAD(Buffer.from('more'));
		const want = Buffer.concat([there.update(message), there.final(), there.getAuthTag()]);
		assert.deepStrictEqual(encrypt(mech(p11.CKM_AES_GCM, params), aes, message, 6000), want);
		assert.deepStrictEqual(decrypt(mech(p11.CKM_AES_GCM, params), aes, want, 6000), message);
		want[3] ^= 1;
		refused(p11.CKR_ENCRYPTED_DATA_INVALID, () => decrypt(mech(p11.CKM_AES_GCM, params), aes, want, 6000));
	});
	await check('AES made and wrapped', () => {
		const box = module11.C_GenerateKey(session, mech(p11.CKM_AES_KEY_GEN),
			attrs({ VALUE_LEN: 32, WRAP: true, UNWRAP: true, TOKEN: false }));
		const key = module11.C_GenerateKey(session, mech(p11.CKM_AES_KEY_GEN),
			attrs({ VALUE_LEN: 16, ...uses, TOKEN: false, SENSITIVE: true, EXTRACTABLE: true }));
		const wrapped = module11.C_WrapKey(session, mech(p11.CKM_AES_KEY_WRAP), box, key, Buffer.alloc(100));
		assert.strictEqual(wrapped.length, 24);
		const back = module11.C_UnwrapKey(session, mech(p11.CKM_AES_KEY_WRAP), box, wrapped,
			attrs({ CLASS: p11.CKO_SECRET_KEY, KEY_TYPE: p11.CKK_AES, ...uses, TOKEN: false, SENSITIVE: true }));
		const sealed = encrypt(mech(p11.CKM_AES_CBC_PAD, iv), key, message, 6000);
		assert.deepStrictEqual(decrypt(mech(p11.CKM_AES_CBC_PAD, iv), back, sealed, 6000), message);
		refused(p11.CKR_ATTRIBUTE_SENSITIVE, () => get(back, 'VALUE'));
	});
	await check('HMAC', () => {
		const key = secret(p11.CKK_GENERIC_SECRET, value, { SIGN: true, VERIFY: true });
		const mac = sign(mech(p11.CKM_SHA256_HMAC), key, message, 32);
		assert.deepStrictEqual(mac, crypto.createHmac('sha256', value).update(message).digest());
	});
	await check('digest', async () => {
		module11.C_DigestInit(session, mech(p11.CKM_SHA384));
		const hash = await module11.C_DigestAsync(session, message, Buffer.alloc(48));
		assert.deepStrictEqual(hash, crypto.createHash('sha384').update(message).digest());
	});
	await check('random', () => {
		const a = module11.C_GenerateRandom(session, Buffer.alloc(32));
		assert.notDeepStrictEqual(a, module11.C_GenerateRandom(session, Buffer.alloc(32)));
	});
}

/* Objects of the token: made, found, changed, deleted; and seen by other sessions. */
async function objects() {
	await check('data object', () => {
		const data = module11.C_CreateObject(session, attrs({ CLASS: p11.CKO_DATA, TOKEN: true, PRIVATE: false,
			LABEL: 'a note', APPLICATION: 'node', VALUE: message }));
		assert.deepStrictEqual(get(data, 'VALUE'), message);
		module11.C_SetAttributeValue(session, data, attrs({ LABEL: 'another' }));
		module11.C_FindObjectsInit(session, attrs({ CLASS: p11.CKO_DATA, LABEL: 'another' }));
		assert.strictEqual(module11.C_FindObjects(session, 10).length, 1);
		module11.C_FindObjectsFinal(session);
		module11.C_DestroyObject(session, data);
		refused(p11.CKR_OBJECT_HANDLE_INVALID, () => get(data, 'VALUE'));
	});
	await check('64 signatures at once', async () => {
		const slot = module11.C_GetSlotList(true)[0];
		const { privateKey, publicKey } = ecPair('06082a8648ce3d030107');
		const outside = { key: ecOutside(publicKey), dsaEncoding: 'ieee-p1363' };
		await Promise.all(Array.from({ length: 64 }, async () => {
			const own = module11.C_OpenSession(slot, p11.CKF_SERIAL_SESSION);
			await breathe();
			module11.C_SignInit(own, mech(p11.CKM_ECDSA_SHA256), privateKey);
			const sig = await module11.C_SignAsync(own, message, Buffer.alloc(64));
			module11.C_CloseSession(own);
			assert(crypto.verify('sha256', message, outside, sig));
		}));
	});
}

async function main() {
	module11.load(path);
	module11.C_Initialize();
	await check('beginning', beginning);
	await signatures();
	await secrets();
	await objects();
	await check('end', () => {
		module11.C_Logout(session);
		module11.C_CloseSession(session);
		module11.C_Finalize();
		module11.close();
	});
}

main();
