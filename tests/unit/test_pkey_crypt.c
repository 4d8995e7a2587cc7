/* pkey: RSA as a cipher, raw RSA and recovery; what other implementations make, and no oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define N	  256

/* A key of these tests alone. */
static const char key_der[] =
	"308204bc020100300d06092a864886f70d0101010500048204a6308204a20201000282010100aa029b87eba1ac"
	"ddbea03aee2b3f81184743e51712d2ce21553fbefd13f01cd9d746117bc25fae0d9b51bd4b5f40998cd76e6af4"
	"7605a36ac644e2c9241df9b58182a0ca810f735b2bb84d9c5ffcb835eeb43a793679ad6dab39a85d0b70f1a9e9"
	"51e70f34670e390be547db259954d05ae44f658b54ff2c06acb40c97b5584f75de42469c8a0eedd9499676eeae"
	"05c8aabf03d438abd459a549d713ad92ec0595bf25ca2d349493a8dfa77906d6944e54832ab6158d4d9d12b116"
	"e34ab3a0ec53d1256ff6e880994b48ea0c3f5adcbc0c0c48656861c0dd0b0f2bd219a5785b8eb6d146a5f8ec0a"
	"d3347d60d0103991e0635a378e17288a4e4c2e792245119702030100010281ff74e1560c1bf30ae56828c05afd"
	"60ab60059ea7e1350fb8a731f4a1595c5bb77a0c861f7ef622d1868941a8e2289a40f693255662bac1259842b7"
	"19332fa16c0b5cfe718cc72dd820d5eddf6da2901c14f806f02c654741f423c37ffc77e12e43a224acb5c75112"
	"7625b77baf2e2a3c250257f43ddb8c93e1b0b50b139d390f7c7043d73f50c0668505a0ddeed47f95feaf8b95fe"
	"963faac7bab7adee7113931940bf256c3c5ed678460dee4c524f6ba95dd54b9d775e8761bbc392c3e73de67303"
	"9bae96ca1fbfda101ec24a86ac269facc324eee938eb205fd76d42ecc653608fc7e717cea6582cca5f0a3455f0"
	"bf45750d8fd646915381ab612a2576580102818100ed995098210fb1759eaf1c4287fa814a8da24e28480e3099"
	"7ca8111df37fb8e36305e639a0f5387c1e6f4b8f426be081523ebfc2b046f4626a0942648f4ccf0d34598e8573"
	"a776ebd317490507693994fa65772e3f71bd347f407eac254441bd3652327a45f74bca3a7e1da947c9e7f5f6f3"
	"a8fde89061a97f40fcc7c13118c102818100b72d43d86fd7de879d4c17ef0612e997e68221fa3be5ff584f2e45"
	"04189be73e15db93ae89a39dc760f2f87dc3882b1d518c2ea98f7ab823012bbf5c9592bdf510d693b85f4ecc9f"
	"326a9d8559738fd00cb9fd4b71704326aa663cff9ff6aac2df6f94cccc045081dad3b626fc6d7892e3257b9127"
	"d8cf7f5c4ce3d64917a8570281810099c86bc3ab526ef7c4176ee11905e87d0aa30c9741dbfd54babc4527ef9c"
	"b15c6b913bebfce3fb054ae59a30453b717a02739ec632361aa340227218882f9cabdd4041e0da747fa22f6498"
	"dc6a698edd801c0041accabf3da5476735a0814753623f5d708aac7f1f8b30699e515abb8a15a6abb07bc04795"
	"df497ed30395f58102818100a3cdf8b3de205ec14b6ab6a46afc12a461dfd15ea29de4a025feac7d233c97a7af"
	"8832228cb721eb1fc967699fa76f56c28be7567e1632002b95e1847bc543d598ff2a0e603c69439ba437c4fddf"
	"17a5e71b936519c65866854ef4116c0cfb5b54cfc572f6a68d0ff28e0c8004902898c243cca25bcdc8908e0bbc"
	"5aedf617f50281807d8e75adba211bf92176a1ee7e733720b1622b07811aed73c0c42aebe8ee21f726e701f604"
	"5b45c34b4323b4db14022f7d29f4360f8795ec47be2b317ff1ef8b46c05dd5f3e8babc68dd8e3a2760a8f26e82"
	"b69bcb710ec0db9ee3dfc85bd92874b4cbe6388067b4f1d2634ae7d194b9313352677713ae93aad83d3462f55e"
	"ee";

/* Encoded blocks, and what they decrypt to under this key: computed apart from this code, from the
 * description in pkey_pkcs1.c. */
static const struct {
	const char *what, *padded, *message;
} blocks[] = {
	{ .what = "good: the shortest padding",
	  .padded = "000201080f161d242b32006d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d",
	  .message = "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d" },
	{ .what = "good: no message",
	  .padded = "000201080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6fd"
		    "050c131a21"
		    "282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910171e252c33"
		    "3a41484f56"
		    "5d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0f7fe060d141b222930373e454c535a6168"
		    "6f767d848b"
		    "9299a0a7aeb5bcc3cad1d8dfe6edf4fb030a11181f262d343b424950575e656c737a81888f969d"
		    "a4abb2b9c0"
		    "c7ced5dce3eaf1f8ff070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2"
		    "d9e0e7eef5"
		    "fc040b121920272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4eb00",
	  .message = "" },
	{ .what = "seven bytes of padding",
	  .padded = "000201080f161d242b006d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d",
	  .message = "8c074eede531c840d7eadb355a149b9e26c88d2f8bf38da52badfa573183bc356931a1bd11ec9"
		     "472d8394076"
		     "bc176670e66b70b82895a60b625cfe208f5ae858551bac677a2d5ed9f3e65aa33d366197a27fd"
		     "aea7f3dbc84"
		     "bd38d80fff0366b6526501881de754d42b490757ab9706318e9d7757e813720bae077252e9ac1"
		     "249b1167050"
		     "abe763e109eef38a30c69fbe64f6" },
	{ .what = "no zero",
	  .padded = "000201080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6fd"
		    "050c131a21"
		    "282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910171e252c33"
		    "3a41484f56"
		    "5d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0f7fe060d141b222930373e454c535a6168"
		    "6f767d848b"
		    "9299a0a7aeb5bcc3cad1d8dfe6edf4fb030a11181f262d343b424950575e656c737a81888f969d"
		    "a4abb2b9c0"
		    "c7ced5dce3eaf1f8ff070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2"
		    "d9e0e7eef5"
		    "fc040b121920272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4ebf2",
	  .message = "107a01447f4388bb5f52e67873cdaa8517f8cc6ea972cd2a54f6df8fd2c822eb06f7b33592ccb"
		     "5e1c8d25b20"
		     "86" },
	{ .what = "block type 1",
	  .padded = "000101080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6fd"
		    "050c131a21"
		    "282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910171e252c33"
		    "3a41484f56"
		    "5d646b727980878e959ca3aab1b8006d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d",
	  .message = "35fcc3eda1a76dd34b52c927989a9defb0316de8dbf22e55d3a8ae43627338458f0ab4e567275"
		     "569" },
	{ .what = "a first byte that is not 0",
	  .padded = "010201080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6fd"
		    "050c131a21"
		    "282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910171e252c33"
		    "3a41484f56"
		    "5d646b727980878e959ca3aab1b8006d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
		    "6d6d6d6d6d"
		    "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d",
	  .message = "802fea470c60c04264c4f6744b2316935ae990985e1f8598828abe956efb2e1b34001706742b9"
		     "ffb188da95a"
		     "361a8e" },
	{ .what = "zero at once",
	  .padded = "00020001080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6"
		    "fd050c131a"
		    "21282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910171e252c"
		    "333a41484f"
		    "565d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0f7fe060d141b222930373e454c535a61"
		    "686f767d84"
		    "8b9299a0a7aeb5bcc3cad1d8dfe6edf4fb030a11181f262d343b424950575e656c737a81888f96"
		    "9da4abb2b9"
		    "c0c7ced5dce3eaf1f8ff070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cb"
		    "d2d9e0e7ee"
		    "f5fc040b121920272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4eb",
	  .message = "45a7878ced5faeb969e706788e36bd76f548fc554dab5e0547c5f7896efcfec25f0135cb9dc25"
		     "73b72c05414"
		     "7648e7a0f5fb754627066fd5e966f159005f2f4d9928deae0249c4ccf1edc4cf0863b34dc92bc"
		     "94711760982"
		     "0917974513b40033fe5c06e16c92b8352b94135d8de5f81b3024c587345cfd342bcffce48419c"
		     "85463a4de42"
		     "02ab2ad23efdab88f0580688a78e0f10ecdddc1d12ec5e29db42b456552f34e9726df7" },
	{ .what = "a TLS premaster of another kind",
	  .padded = "000201080f160001080f161d242b323940474e555c636a71787f868d949ba2a9b0b7bec5ccd3da"
		    "e1e8eff6fd"
		    "050c131a21282f363d444b525960676e757c838a91989fa6adb4bbc2c9d0d7dee5ecf3fa020910"
		    "171e252c33"
		    "3a41484f565d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0f7fe060d141b222930373e45"
		    "4c535a6168"
		    "6f767d848b9299a0a7aeb5bcc3cad1d8dfe6edf4fb030a11181f262d343b424950575e656c737a"
		    "81888f969d"
		    "a4abb2b9c0c7ced5dce3eaf1f8ff070e151c232a31383f464d545b626970777e858c939aa1a8af"
		    "b6bdc4cbd2"
		    "d9e0e7eef5fc040b121920272e353c434a51585f666d747b828990979ea5acb3bac1c8cf",
	  .message = "976eab750ea96fdf3adc936ccae0ff5b250e521e97e9bd564bbd1ff13722d0ef30cc0c3a5bb06"
		     "70bf11b0036"
		     "801bddc1314b68b03fcfc4476d22477b56f04220bb992db8869e3d84af482c3ba36b0895291aa"
		     "c170fbecf73"
		     "d52aa1c81630d1b320c7fac12dd099db845f73c15190cd4f294d149532a0f6ab4bb582d693c13"
		     "70394b2ccf2"
		     "580c4d85ab1ae9f31f591dac5144cc9dd7ec53b93e57a1140ebb1f0873fbed5c07cbc055661b8"
		     "6088c849217"
		     "9e9f8731ae016eb6faff69eafd8039e5cdbd451ff36ce11110678f6f8f3262aab92d8de5d1115"
		     "e" },
	{ .what = "nothing",
	  .padded = "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000"
		    "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000"
		    "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000"
		    "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000"
		    "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		    "0000000000"
		    "000000000000000000000000000000000000000000000000000000000000000000000001",
	  .message = "d076fc9bbd4c68a5a17f646e2f8885cbfb51dd38245d8a4e3ade7120df091f5f8f3f4070f4d52"
		     "9a64afcea49"
		     "b50c002a8504f93e80f98d0f1f0c9a72e5c7d2f62f8ddd1a9cff2fce1f1ea4e6051fdabe9cdf7"
		     "72eccd53973"
		     "ee584a7a9cf3c38aa5f116a39c83e27a" },
};

/* Computed apart from this code, by RFC 8017 7.1.1 with a known seed. */
static const struct {
	CK_MECHANISM_TYPE hash, mgf;
	const char *label, *message, *ciphertext;
} oaeps[] = {
	{ .hash = CKM_SHA256,
	  .mgf = CKM_SHA256,
	  .label = "",
	  .message = "6d657373616765",
	  .ciphertext =
		  "77a8b496b262467da853c506333f9b3c9c010c83325c878da6ab58729e777018b8e2b523c582618a"
		  "ec0cce4a"
		  "e5f0c941574d45b3f7b728f22ae070701bd093f45ed08bd55987e2cf604400b5b1b04a1f66bdaa22"
		  "756428d2"
		  "2dd2aacc30fe97b4fe01f4c5bcfd6699f8906f47507b38b3ca0aef3af8507e81c168f93394dbe87c"
		  "ded3d25b"
		  "5d6dad8059c5640a2ed5277db1ebffe6690c1babe0da8617dac1dd4cfa63c5d4b95ab776e0317790"
		  "982b1555"
		  "27c9c6da2b685368991c8412c2c9f348f9bebe165274894753c17a08b39f5b51bd9c6d23c10a2b59"
		  "a6938213"
		  "c43cd852fdb000996b00a115e8c7118b75a63c3efb44ef7b0d088d74c20c6c79fea30234" },
	{ .hash = CKM_SHA_1,
	  .mgf = CKM_SHA_1,
	  .label = "6c6162656c",
	  .message = "",
	  .ciphertext =
		  "0dded13b54398bb1cb4b18507a84f750c86a446aa84bfefe37b3b827d6c3eeb690df3a06b0feae60"
		  "0d7f816e"
		  "2973b23095fb64cd7e4a5797a4b4d8616074cd4c68f42fddb8312f8a33f99df504fe5b9f93c3706e"
		  "a97aebd3"
		  "ae97a5638ba4d2dfea5896c88040f1ee669a6c9f6bd1caba0d058e0e50696ea932211cd5d7a7ba04"
		  "3f5516a2"
		  "198219f31da38da18d76dd90a532ab1801bcccbd397754d2d84d6c05a49598f141ac8ee399ca6468"
		  "5f0ea6fb"
		  "36b56945efeb0d0d98a8ff77cb42a89f7f870e9459213d964dc2a3d8745b258444912e819173b057"
		  "eb033450"
		  "77eabed74ab47784b3e7131a24ae7305bdc0fc5219d3fe6328c0a1cedfa510d538097e81" },
	{ .hash = CKM_SHA3_256,
	  .mgf = CKM_SHA512,
	  .label = "0001",
	  .message = "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6"
		     "d6d6d6d6d6d"
		     "6d6d6d6d6d6d6d6d6d6d6d6d6d6d",
	  .ciphertext =
		  "5f505a0ddc627bd616aad76ea8f8abc92a234c8ae85ceec1b7341cb2b171826434ea3f641cca6c80"
		  "d74f80f6"
		  "c30e48b42a490ce9c58fdefcd1ef854af26df4aab5a30ddd636973eb153a0ccbbf9a2a0d98c5d5a8"
		  "1bee90e7"
		  "88eab4430a11d0f81020b73c2a9214364ed7d3418f1c56d007cec1d4e2792a77f0a316672972e6c3"
		  "8a3d5590"
		  "792336aad21b3685bf918dcb189a43179ec6904014c1e8031603fed628385a67814132d6fdad3956"
		  "b89c2655"
		  "f12b8d2aa7eb060c2d6ea049abc1fd583988d54c8a85095f0bced25b216a97c8a66fd6fa9cac8af5"
		  "bca4c20e"
		  "f7dd0d8a33a23e0897f6a20309c19860cbaf760d85140c3de7db265383cbecf6fb67c222" },
	{ .hash = CKM_SHA512,
	  .mgf = CKM_SHA_1,
	  .label = "78",
	  .message = "74776f20686173686573",
	  .ciphertext =
		  "960a107800508bb42bdb57ba8d3f23187c21655a03b031d507fa97d773ba6f17fe763664f2007446"
		  "4bfc08cd"
		  "805418c0af80840a4390fc203e68904f415305f39893b9f49ed561401483f1e7cb891d5583e4be4a"
		  "7dbbc82f"
		  "337e67ddc141c877105291829b08e09a0b6d974a93af9e6a6e0950dc089eb90c63caec67134cd2c5"
		  "c98055fa"
		  "1b72b275faf3b38f37e942a223ebd2e4efe4f89f0b05b8452efce300e051b40b1fb1fef7acd5bb98"
		  "654c2da7"
		  "766937d34123debda3bc914ee3362e3858fe62ff4a2815cb7abbb1b0f234897b3342f7dd6b078974"
		  "0a054e71"
		  "b2a606c0fe650ce1b716d5c0229aac22d3c077397eab08b7411d33dc4495ef259b41949e" },
};

static struct pkey *key;

struct hex {
	uint8_t p[1280];
	size_t n;
};

static struct bytes unhex(const char *text, struct hex *room)
{
	room->n = 0;
	if (*text)
		assert_int_equal(hex_decode(bytes_of(text), room->p, sizeof room->p, &room->n),
				 INRO_OK);
	return BYTES(room->p, room->n);
}

static int make_key(void **state)
{
	struct hex der;

	(void)state;
	return pkey_from_pkcs8(unhex(key_der, &der), &key) ? -1 : 0;
}

static int free_key(void **state)
{
	(void)state;
	pkey_unref(key);
	return 0;
}

static const struct use_spec pkcs1 = { .mech = CKM_RSA_PKCS }, raw = { .mech = CKM_RSA_X_509 };

static struct use_spec oaep(CK_MECHANISM_TYPE hash, CK_MECHANISM_TYPE mgf, struct bytes label)
{
	return (struct use_spec) {
		.mech = CKM_RSA_PKCS_OAEP, .digest = hash, .mgf_digest = mgf, .label = label
	};
}

static struct room room_of(uint8_t *p, size_t n)
{
	return (struct room) { .p = p, .cap = n };
}

/* ---- there and back ---- */

static void there_and_back(const struct use_spec *spec, struct bytes in)
{
	uint8_t c[N], m[N];
	size_t c_n = 0, m_n = 0;

	assert_int_equal(pkey_encrypt(key, spec, in, room_of(c, N), &c_n), INRO_OK);
	assert_int_equal(c_n, N);
	assert_int_equal(pkey_decrypt(key, spec, BYTES(c, N), room_of(m, N), &m_n), INRO_OK);
	assert_int_equal(m_n, in.n);
	assert_memory_equal(m, in.p, in.n);
}

static void test_pkcs1(void **state)
{
	static const uint8_t in[N] = { 0, 1, 2 };
	uint8_t c[N];
	size_t n = 0;

	(void)state;
	assert_int_equal(pkey_crypt_max(key, &pkcs1, USE_DECRYPT), N - 11);
	assert_int_equal(pkey_crypt_max(key, &pkcs1, USE_ENCRYPT), N);
	for (size_t i = 0; i <= N - 11; i += 35)
		there_and_back(&pkcs1, BYTES(in, i));
	there_and_back(&pkcs1, BYTES(in, N - 11));
	assert_int_equal(pkey_encrypt(key, &pkcs1, BYTES(in, N - 10), room_of(c, N), &n),
			 INRO_E_DATA_LENGTH);
	assert_int_equal(pkey_encrypt(key, &pkcs1, BYTES(in, 1), room_of(c, N - 1), &n),
			 INRO_E_TOO_SMALL);
	assert_int_equal(n, N);
}

static void test_oaep_of_every_hash(void **state)
{
	static const CK_MECHANISM_TYPE all[] = { CKM_SHA_1,	 CKM_SHA224,	CKM_SHA256,
						 CKM_SHA384,	 CKM_SHA512,	CKM_SHA3_224,
						 CKM_SHA3_256,	 CKM_SHA3_384,	CKM_SHA3_512,
						 CKM_SHA512_224, CKM_SHA512_256 };
	static const uint8_t in[N] = { 9, 8, 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (size_t j = 0; j < ARRAY_LEN(all); j++) {
			struct use_spec spec = oaep(all[i], all[j], BYTES_NONE);
			size_t max = N - 2 * libctx_md_size(all[i]) - 2, n;
			uint8_t c[N];

			assert_int_equal(pkey_crypt_max(key, &spec, USE_DECRYPT), max);
			there_and_back(&spec, BYTES(in, i == j ? max : 32));
			assert_int_equal(
				pkey_encrypt(key, &spec, BYTES(in, max + 1), room_of(c, N), &n),
				INRO_E_DATA_LENGTH);
		}
	}
	there_and_back(&(const struct use_spec) { .mech = CKM_RSA_PKCS_OAEP,
						  .digest = CKM_SHA256,
						  .mgf_digest = CKM_SHA_1,
						  .label = OCTETS("a label") },
		       OCTETS("m"));
}

static void test_oaep_vectors(void **state)
{
	struct hex label, message, ciphertext;
	uint8_t out[N];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(oaeps); i++) {
		struct use_spec spec =
			oaep(oaeps[i].hash, oaeps[i].mgf, unhex(oaeps[i].label, &label));
		struct bytes want = unhex(oaeps[i].message, &message),
			     c = unhex(oaeps[i].ciphertext, &ciphertext);

		n = 0;
		assert_int_equal(pkey_decrypt(key, &spec, c, room_of(out, N), &n), INRO_OK);
		assert_int_equal(n, want.n);
		assert_memory_equal(out, want.p, n);
		spec.label = OCTETS("another label");
		assert_int_equal(pkey_decrypt(key, &spec, c, room_of(out, N), &n),
				 INRO_E_CIPHERTEXT);
		spec.label = BYTES(label.p, label.n);
		ciphertext.p[N - 1] ^= 1;
		assert_int_equal(pkey_decrypt(key, &spec, c, room_of(out, N), &n),
				 INRO_E_CIPHERTEXT);
	}
}

static void test_oaep_parameters(void **state)
{
	struct use_spec spec = oaep(CKM_MD5, CKM_SHA_1, BYTES_NONE);
	uint8_t c[N] = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(pkey_encrypt(key, &spec, OCTETS("m"), room_of(c, N), &n),
			 INRO_E_MECHANISM_PARAM);
	spec = oaep(CKM_SHA256, 0, BYTES_NONE);
	assert_int_equal(pkey_decrypt(key, &spec, BYTES(c, N), room_of(c, N), &n),
			 INRO_E_MECHANISM_PARAM);
}

/* ---- no oracle ---- */

static void test_implicit_rejection(void **state)
{
	struct hex padded, message;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		struct bytes em = unhex(blocks[i].padded, &padded),
			     want = unhex(blocks[i].message, &message);
		uint8_t c[N], out[N];
		size_t n = 0;

		/* raw encryption takes numbers below the modulus only */
		if (pkey_encrypt(key, &raw, em, room_of(c, N), &n) == INRO_E_DATA_INVALID)
			continue;
		for (int round = 0; round < 3; round++) {
			assert_int_equal(
				pkey_decrypt(key, &pkcs1, BYTES(c, N), room_of(out, N), &n),
				INRO_OK);
			assert_int_equal(n, want.n);
			assert_memory_equal(out, want.p, n);
		}
	}
}

/* Whatever comes: a message that fits, the same every time. */
static void test_nonsense_has_an_answer(void **state)
{
	uint8_t c[N] = { 0 }, one[N], two[N];
	size_t a = 0, b = 0;

	(void)state;
	for (unsigned i = 1; i < 60; i++) {
		memset(c + 1, (int)i, N - 1);
		assert_int_equal(pkey_decrypt(key, &pkcs1, BYTES(c, N), room_of(one, N), &a),
				 INRO_OK);
		assert_true(a <= N - 11);
		assert_int_equal(pkey_decrypt(key, &pkcs1, BYTES(c, N), room_of(two, N), &b),
				 INRO_OK);
		assert_int_equal(a, b);
		assert_memory_equal(one, two, a);
	}
	a = 0;
	memset(c + 1, 2, N - 1);
	assert_int_equal(pkey_decrypt(key, &pkcs1, BYTES(c, N), room_of(one, N), &b), INRO_OK);
	if (b) {
		assert_int_equal(pkey_decrypt(key, &pkcs1, BYTES(c, N), room_of(two, b - 1), &a),
				 INRO_E_TOO_SMALL);
		assert_int_equal(a, b);
	}
}

static void test_what_is_no_ciphertext(void **state)
{
	const struct use_spec all[] = { pkcs1, raw, oaep(CKM_SHA256, CKM_SHA256, BYTES_NONE) };
	uint8_t c[N + 1], out[N];
	size_t n;

	(void)state;
	memset(c, 0xff, sizeof c);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_int_equal(pkey_decrypt(key, &all[i], BYTES(c, N), room_of(out, N), &n),
				 INRO_E_CIPHERTEXT);
		assert_int_equal(pkey_decrypt(key, &all[i], BYTES(c, N - 1), room_of(out, N), &n),
				 INRO_E_CIPHERTEXT_LENGTH);
		assert_int_equal(pkey_decrypt(key, &all[i], BYTES(c, N + 1), room_of(out, N), &n),
				 INRO_E_CIPHERTEXT_LENGTH);
		assert_int_equal(pkey_decrypt(key, &all[i], BYTES_NONE, room_of(out, N), &n),
				 INRO_E_CIPHERTEXT_LENGTH);
	}
}

static void test_not_for_this(void **state)
{
	const struct use_spec pss = { .mech = CKM_RSA_PKCS_PSS,
				      .digest = CKM_SHA256,
				      .mgf_digest = CKM_SHA256 };
	const struct use_spec hashed = { .mech = CKM_SHA256_RSA_PKCS };
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	SCOPED(buf) spki = { 0 };
	uint8_t c[N] = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(pkey_spki(key, &spki), INRO_OK);
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &public), INRO_OK);
	assert_int_equal(pkey_encrypt(key, &pss, BYTES(c, 32), room_of(c, N), &n),
			 INRO_E_MECHANISM);
	assert_int_equal(pkey_encrypt(key, &hashed, BYTES(c, 32), room_of(c, N), &n),
			 INRO_E_MECHANISM);
	assert_int_equal(pkey_encrypt(public, &pkcs1, OCTETS("m"), room_of(c, N), &n), INRO_OK);
	assert_int_equal(pkey_decrypt(public, &pkcs1, BYTES(c, N), room_of(c, N), &n),
			 INRO_E_KEY_TYPE);
	assert_int_equal(pkey_sign(key, &(struct use_spec) { .mech = CKM_RSA_PKCS_OAEP },
				   OCTETS("m"), c, N, &n),
			 INRO_E_MECHANISM);
}

/* ---- raw RSA, recovery ---- */

static void test_raw(void **state)
{
	uint8_t in[N] = { 0 }, sig[N], back[N], big[N];
	size_t n = 0;

	(void)state;
	memset(big, 0xff, sizeof big);
	in[N - 1] = 7;
	in[1] = 1;
	there_and_back(&raw, BYTES(in, N));
	assert_int_equal(pkey_sign(key, &raw, BYTES(in + 1, N - 1), sig, N, &n), INRO_OK);
	assert_int_equal(pkey_verify(key, &raw, BYTES(in + 1, N - 1), BYTES(sig, N)), INRO_OK);
	assert_int_equal(pkey_verify(key, &raw, BYTES(in, N), BYTES(sig, N)), INRO_OK);
	assert_int_equal(pkey_verify_recover(key, &raw, BYTES(sig, N), room_of(back, N), &n),
			 INRO_OK);
	assert_int_equal(n, N);
	assert_memory_equal(back, in, N);
	in[9] ^= 1;
	assert_int_equal(pkey_verify(key, &raw, BYTES(in, N), BYTES(sig, N)), INRO_E_SIGNATURE);
	assert_int_equal(pkey_sign(key, &raw, BYTES(big, N), sig, N, &n), INRO_E_DATA_INVALID);
	assert_int_equal(pkey_encrypt(key, &raw, BYTES(big, N), room_of(sig, N), &n),
			 INRO_E_DATA_INVALID);
	assert_int_equal(pkey_sign(key, &raw, BYTES(big, N + 1), sig, N, &n), INRO_E_DATA_LENGTH);
}

static void test_recover(void **state)
{
	uint8_t sig[N], back[N];
	size_t n = 0;

	(void)state;
	assert_int_equal(pkey_sign(key, &pkcs1, OCTETS("some bytes"), sig, N, &n), INRO_OK);
	assert_int_equal(pkey_verify_recover(key, &pkcs1, BYTES(sig, N), room_of(back, N), &n),
			 INRO_OK);
	assert_int_equal(n, 10);
	assert_memory_equal(back, "some bytes", 10);
	assert_int_equal(pkey_verify_recover(key, &pkcs1, BYTES(sig, N), room_of(back, 9), &n),
			 INRO_E_TOO_SMALL);
	assert_int_equal(n, 10);
	assert_int_equal(pkey_verify_recover(key, &pkcs1, BYTES(sig, N - 1), room_of(back, N), &n),
			 INRO_E_SIGNATURE_LENGTH);
	sig[0] ^= 1;
	assert_int_equal(pkey_verify_recover(key, &pkcs1, BYTES(sig, N), room_of(back, N), &n),
			 INRO_E_SIGNATURE);
	assert_int_equal(pkey_verify_recover(key, &(struct use_spec) { .mech = CKM_RSA_PKCS_PSS },
					     BYTES(sig, N), room_of(back, N), &n),
			 INRO_E_MECHANISM);
}

/* ---- beside libcrypto's own ---- */

static void test_libcrypto_reads_ours(void **state)
{
	const struct use_spec spec = oaep(CKM_SHA384, CKM_SHA256, OCTETS("lbl"));
	struct hex der;
	struct bytes d = unhex(key_der, &der);
	const unsigned char *p = d.p;
	EVP_PKEY *evp = d2i_AutoPrivateKey(NULL, &p, (long)d.n);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(evp, NULL);
	void *label = OPENSSL_memdup("lbl", 3);
	uint8_t c[N], out[N];
	size_t n = 0;

	(void)state;
	assert_int_equal(pkey_encrypt(key, &spec, OCTETS("for libcrypto"), room_of(c, N), &n),
			 INRO_OK);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha384()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 3), 1);
	n = sizeof out;
	assert_int_equal(EVP_PKEY_decrypt(ctx, out, &n, c, N), 1);
	assert_int_equal(n, 13);
	assert_memory_equal(out, "for libcrypto", 13);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(evp);
}

/* ---- several at once ---- */

static void *decrypt_in_turns(void *arg)
{
	const struct use_spec all[] = { pkcs1, oaep(CKM_SHA256, CKM_SHA256, BYTES_NONE),
					oaep(CKM_SHA256, CKM_SHA_1, OCTETS("l")) };

	for (size_t i = 0; i < 60; i++) {
		const struct use_spec *spec = &all[i % ARRAY_LEN(all)];
		uint8_t c[N], m[N];
		size_t n;

		if (pkey_encrypt(key, spec, OCTETS("x"), room_of(c, N), &n) ||
		    pkey_decrypt(key, spec, BYTES(c, N), room_of(m, N), &n) || n != 1 ||
		    m[0] != 'x')
			return arg;
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	void *failed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, decrypt_in_turns, threads), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pkcs1),
		cmocka_unit_test(test_oaep_of_every_hash),
		cmocka_unit_test(test_oaep_vectors),
		cmocka_unit_test(test_oaep_parameters),
		cmocka_unit_test(test_implicit_rejection),
		cmocka_unit_test(test_nonsense_has_an_answer),
		cmocka_unit_test(test_what_is_no_ciphertext),
		cmocka_unit_test(test_not_for_this),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_recover),
		cmocka_unit_test(test_libcrypto_reads_ours),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
